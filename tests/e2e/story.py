"""Given, When, Then: the words in which the end-to-end tests are told.

story.given(models.good_v1).serves()
with story.traffic(rate=100) as answers:
    story.when().applies(models.good_v2)
    story.then().promoted(models.good_v2)
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from contender import names
from tests.e2e.eventually import eventually
from tests.e2e.leader import kill_leader
from tests.e2e.models import requests
from tests.e2e.scene import Json, Scene, condition, exposures, is_ready, is_staying
from tests.load import Load, Recording
from tests.load.node_port import door
from tests.store import StoredModel

NODE_PORT = 30080
BUILT_IN = "deployments,replicasets,pods,services,configmaps,hpa,pdb"  # the kinds that Contender makes, or has made
MADE = f"trials,{BUILT_IN}"
PATIENCE = 180  # seconds, for what takes some on an idle machine: only a failure uses them up
T = TypeVar("T")

# Two shares, short soaks, and bounds that a hundred requests a second prove or break within seconds.
QUICK_TRIAL: Json = {
    "steps": [25, 50],
    "soak": "2s",
    "standby": "0s",
    "guardrails": [
        {"measure": "errors", "noWorseThan": 1.5, "below": 0.05},
        {"measure": "rejected", "noWorseThan": 1.5, "below": 0.05},
    ],
}
ENDLESS_TRIAL: Json = {**QUICK_TRIAL, "steps": [25], "soak": "1h"}
ONE_POD: Json = {"minReplicas": 1, "maxReplicas": 1}
SMALL: Json = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


@dataclass
class Story:
    """A ModelDeployment, those who change it, and what is then to be seen."""

    scene: Scene
    stack: ExitStack  # what the end of the test closes
    spec: Json = field(default_factory=lambda: {"resources": SMALL, "autoscaling": ONE_POD, "trial": QUICK_TRIAL})
    base: str | None = None

    def given(self, model: StoredModel) -> "Given":
        return Given(self, model)

    def when(self) -> "When":
        return When(self)

    def then(self) -> "Then":
        return Then(self)

    def apply(self, model: StoredModel, **changes: Json) -> None:
        self.spec = {**self.spec, **changes, "model": model.spec}
        kind = {"apiVersion": names.API_VERSION, "kind": "ModelDeployment", "metadata": {"name": self.scene.name}}
        self.scene.kubectl("apply", "-f", "-", input=json.dumps({**kind, "spec": self.spec}))

    def url(self) -> str:
        """Where clients outside the cluster send inference requests."""
        if self.base is None:
            self.base = self.stack.enter_context(
                door(self.scene.cluster, self.scene.namespace, self.scene.name, NODE_PORT)
            )
        return f"{self.base}/v2/models/{self.scene.name}/infer"

    def traffic(self, *, rate: float = 100, body: Callable[[int], bytes] | None = None, **settings: Any) -> Load:
        """A load on the ModelDeployment; by default of requests that every model answers that can."""
        return Load(self.url(), rate=rate, body=body or requests(), **settings)

    def eventually(self, check: Callable[[], T], *, within: float = PATIENCE) -> T:
        return eventually(check, within=within, otherwise=self.scene.portrait)


@dataclass(frozen=True, slots=True)
class Given:
    story: Story
    model: StoredModel

    def serves(self, **changes: Json) -> None:
        """Apply the model, with `changes` of the spec, and wait until it is champion and serves."""
        self.story.apply(self.model, **changes)
        self.story.then().serves(self.model)

    def is_challenged_by(self, challenger: StoredModel, **trial: Any) -> str:
        """Let the model serve and a challenger take its first share, of a trial that goes on; the challenger's hash."""
        self.serves(trial={**ENDLESS_TRIAL, **trial})
        self.story.apply(challenger)
        return self.story.then().has_the_share(challenger, (trial.get("steps") or ENDLESS_TRIAL["steps"])[0])


@dataclass(frozen=True, slots=True)
class When:
    story: Story

    def applies(self, model: StoredModel, **changes: Json) -> None:
        self.story.apply(model, **changes)

    def commands(self, command: str, variant: str) -> None:
        """Annotate the ModelDeployment with a command."""
        scene = self.story.scene
        scene.kubectl("annotate", "modeldeployment", scene.name, "--overwrite", f"{names.GROUP}/{command}={variant}")

    def kills_the_leader(self) -> None:
        """SIGKILL to the operator that acts."""
        kill_leader(self.story.scene.cluster)

    def kills_a_router_pod(self) -> str:
        """A router pod goes without a grace period; its name."""
        pod = next(iter(self.story.scene.router_pods()))
        scene = self.story.scene
        scene.cluster.kubectl("-n", scene.router_namespace, "delete", "pod", pod, "--grace-period=0", "--force")
        return pod

    def wipes_the_status(self) -> None:
        patch = ("--type=merge", "--subresource=status", "-p", '{"status":null}')
        self.story.scene.kubectl("patch", "modeldeployment", self.story.scene.name, *patch)

    def deletes_it(self) -> None:
        self.story.scene.kubectl("delete", "modeldeployment", self.story.scene.name)


@dataclass(frozen=True, slots=True)
class Then:
    story: Story

    def serves(self, model: StoredModel, *, within: float = PATIENCE) -> Self:
        """The model is champion, its deployment ready, its traffic live in the router."""
        variant = self.story.scene.variant(model.spec)

        def seen() -> None:
            status = self.story.scene.status()
            assert status.get("champion", {}).get("variant") == variant, f"champion is {status.get('champion')}"
            assert condition(status, "Ready")["status"] == "True", f"Ready is {condition(status, 'Ready')}"
            assert status["phase"] == "Idle", f"the phase is {status['phase']}"

        self.story.eventually(seen, within=within)
        return self

    def has_the_share(self, model: StoredModel, share: int, *, within: float = PATIENCE) -> str:
        """The challenger is seen to have this share in every router pod; its hash."""
        scene, variant = self.story.scene, self.story.scene.variant(model.spec)

        def seen() -> None:
            trial = scene.status().get("trial", {})
            assert (trial.get("challenger"), trial.get("share")) == (variant, share), f"the trial is {trial}"
            assert trial.get("since"), "the share was not seen live yet"

        self.story.eventually(seen, within=within)
        return variant

    def stands_by(self, model: StoredModel, *, within: float = PATIENCE) -> Json:
        """The newest trial was won, and this model waits to take the traffic back; the Trial."""
        variant = self.story.scene.variant(model.spec)

        def seen() -> Json:
            trial = self.story.scene.trial()
            assert trial.get("status", {}).get("phase") == "Standby", f"the trial is {trial.get('status')}"
            assert trial["spec"]["champion"]["variant"] == variant, f"{trial['spec']['champion']} stands by"
            return trial

        return self.story.eventually(seen, within=within)

    def is_told(self, command: str, outcome: str, *, within: float = PATIENCE) -> str:
        """The status says what became of a command; its message."""

        def seen() -> str:
            told = {each["command"]: each for each in self.story.scene.status().get("commands", ())}
            assert told.get(command, {}).get("outcome") == outcome, f"the commands are {told}"
            return str(told[command]["message"])

        return self.story.eventually(seen, within=within)

    def ended(self, model: StoredModel, outcome: str, *, within: float = PATIENCE) -> Json:
        """The newest trial is of this model and came to this end; the Trial."""
        scene, variant = self.story.scene, self.story.scene.variant(model.spec)

        def seen() -> Json:
            trial = scene.trial()
            assert trial["spec"]["challenger"]["variant"] == variant, f"the challenger is {trial['spec']['challenger']}"
            assert trial.get("status", {}).get("phase") == outcome, f"the trial is {trial.get('status')}"
            return trial

        return self.story.eventually(seen, within=within)

    def promoted(self, model: StoredModel, *, within: float = PATIENCE) -> Json:
        """The model came out of its trial as champion, and serves; the Trial."""
        trial = self.ended(model, "Promoted", within=within)
        self.serves(model)
        return trial

    def rejected(self, model: StoredModel, *, within: float = PATIENCE) -> Json:
        """The model was sent back, and its ModelDeployment says so; the Trial."""
        trial = self.ended(model, "Rejected", within=within)

        def said() -> None:  # the Trial is written first, the ModelDeployment when all is done
            passing = self.story.scene.condition("TrialPassing")
            assert passing["status"] == "False", f"TrialPassing is {passing}"

        self.story.eventually(said, within=within)
        return trial

    def stalled(self, reason: str, mend: str, *, within: float = PATIENCE) -> None:
        """The ModelDeployment says why it cannot go on, and what to do about it."""

        def seen() -> None:
            stalled = self.story.scene.condition("Stalled")
            assert (stalled["status"], stalled["reason"]) == ("True", reason), f"Stalled is {stalled}"
            assert mend in stalled["message"], f"{mend!r} is not in {stalled['message']!r}"

        self.story.eventually(seen, within=within)

    def champion_lacks_a_pod(self, mend: str, *, within: float = PATIENCE) -> None:
        """The champion serves, and its condition says why another pod of it does not start."""

        def seen() -> None:
            available = self.story.scene.condition("ChampionAvailable")
            assert available["status"] == "True", f"ChampionAvailable is {available}"
            assert mend in available["message"], f"{mend!r} is not in {available['message']!r}"

        self.story.eventually(seen, within=within)

    def keeps_its_quality(self, status: str, reason: str, *, within: float = PATIENCE) -> Json:
        """What labels show of the champion; the condition."""

        def seen() -> Json:
            kept = self.story.scene.condition("QualityKept")
            assert (kept["status"], kept["reason"]) == (status, reason), f"QualityKept is {kept}"
            return kept

        return self.story.eventually(seen, within=within)

    def has_ready_pods(self, variant: str, count: int, *, within: float = PATIENCE) -> None:
        """A variant has so many pods that are ready."""

        def seen() -> None:
            ready = [pod["metadata"]["name"] for pod in self.story.scene.pods(variant) if is_ready(pod)]
            assert len(ready) == count, f"ready: {ready}"

        self.story.eventually(seen, within=within)

    def says(self, reason: str, *, within: float = PATIENCE) -> Json:
        """The trial's verdict has this reason; the verdict."""

        def seen() -> Json:
            verdict: Json = self.story.scene.trial().get("status", {}).get("verdict", {})
            assert verdict.get("rule") == reason, f"the verdict is {verdict}"
            return verdict

        return self.story.eventually(seen, within=within)

    def has_evidence(self, count: int, *, within: float = PATIENCE) -> Json:
        """The newest Trial has seen the challenger answer this often; the Trial."""

        def seen() -> Json:
            trial = self.story.scene.trial()
            assert "evidence" in trial.get("status", {}), "there is no evidence yet"
            got = exposures(trial)
            assert got >= count, f"{got} exposures of {count}"
            return trial

        return self.story.eventually(seen, within=within)

    def the_edit_is_seen(self) -> None:
        """The operator has acted on the newest generation."""
        scene = self.story.scene

        def seen() -> None:
            deployment = scene.deployment()
            generation, observed = deployment["metadata"]["generation"], deployment["status"]["observedGeneration"]
            assert observed == generation, f"generation {observed} of {generation} was observed"

        self.story.eventually(seen)

    def is_answered(self, recording: Recording, *, since: float, count: int, within: float = PATIENCE) -> Recording:
        """At least `count` requests that were sent from `since` on have their answer; those."""

        def seen() -> Recording:
            answers = recording.sent_since(since)
            assert len(answers) >= count, f"{len(answers)} answers of {count}"
            return answers

        return self.story.eventually(seen, within=within)

    def answers(self, model: StoredModel, recording: Recording, *, since: float, count: int = 100) -> None:
        """All requests that were sent from `since` on are answered by this model."""
        variant = self.story.scene.variant(model.spec)
        assert self.is_answered(recording, since=since, count=count).variants() == {variant}

    def the_router_is_whole(self, *, without: str) -> float:
        """Every router pod is ready, and the one named is not among them; when that was seen, in Unix time."""

        def seen() -> float:
            pods = self.story.scene.router_pods()
            assert without not in pods, f"{without} is still there"
            assert len(pods) > 1, f"router pods: {pods}"
            assert all(pods.values()), f"router pods: {pods}"
            return time.time()

        return self.story.eventually(seen)

    def is_gone(self, variant: str) -> None:
        """Nothing is left of a variant but what is on its way out."""
        self._gone(f"{names.VARIANT}={variant}")

    def nothing_is_left(self, kinds: str = MADE) -> None:
        """Nothing that Contender makes is left but what is on its way out."""
        self._gone(names.COMPONENT, kinds)

    def _gone(self, selector: str, kinds: str = MADE) -> None:
        def seen() -> None:
            found = self.story.scene.get(kinds, "-l", selector)
            left = [f"{each['kind']} {each['metadata']['name']}" for each in found if is_staying(each)]
            assert not left, f"left: {left}"

        self.story.eventually(seen)

"""A small world for `make_plan`: it carries out plans, late or never, and answers with what can then be seen.

Kubernetes and Envoy as far as the plan can tell them apart: pods become ready some looks after their Deployment, each
router pod takes the newest files in its own time, and requests fail at rates that the test sets.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from contender.api import Measure, ModelDeployment, Trial
from contender.intent import INTENT, Intent
from contender.ladder import EDGES
from contender.manifests.trial import trial_status
from contender.observation import (
    Block,
    Counters,
    Entry,
    Labelled,
    Labels,
    Observation,
    Problem,
    Recording,
    Router,
    RouterPod,
    Variant,
)
from contender.plan import Plan, find_champion, make_plan
from contender.rollout import labels, look, quality
from contender.rollout.windows import Window, milliseconds
from tests.unit.test_evidence_error_rates import drawn

START = datetime(2026, 1, 1, tzinfo=UTC)
SERVING_IMAGE = "serving:1"


def spec(version: str, **trial: Any) -> dict[str, Any]:
    rules = {
        "steps": [5, 25, 50],
        "soak": "4s",
        "guardrails": [{"measure": "errors", "noWorseThan": 1.25, "below": 0.001}],
        "objectives": [],
        "negligible": dict.fromkeys(map(str, Measure), 0.001),
        "confidence": 0.95,
        "timeout": "1h",
        "onTimeout": "Hold",
        "approval": "Automatic",
        "standby": "0s",
        "trustedHistory": 0,
        "historyLimit": 20,
    }
    return {
        "model": {"uri": f"https://store/{version}/", "version": version, "digest": f"sha256:{version:0>64}"},
        "runtime": {},
        "resources": {"requests": {"cpu": "50m"}},
        "scheduling": {},
        "autoscaling": {"minReplicas": 1, "maxReplicas": 10},
        "trial": {**rules, **trial},
        "traffic": {"timeout": "30s"},
    }


@dataclass
class Workload:
    intent: Intent
    replicas: int
    ready: int = 0
    problem: Problem | None = None


@dataclass
class Envoy:
    """One router pod: the block it has taken, and its counters."""

    name: str
    block: Block | None = None
    uptime: float = 0.0
    counters: dict[str, Counters] = field(default_factory=dict)
    copies: dict[str, Counters] = field(default_factory=dict)
    silent: bool = False


@dataclass(frozen=True)
class Batch:
    """Answers that get a label, and how many of them were wrong."""

    at: datetime
    due: datetime  # when the label is known
    variant: str
    answers: int
    wrong: int


@dataclass
class World:
    """`rate` is in requests/s over all router pods; `errors` is the share of a variant's answers that fail."""

    seed: int = 1
    rate: float = 300.0
    errors: dict[str, float] = field(default_factory=dict)
    broken: dict[str, Problem] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    problem: Problem | None = None  # of a Gateway
    edges: frozenset[float] | None = None  # of the histograms that there are, when they are not ours
    skew: int | None = None  # the challenger's share in truth, in percent, when that is not the route's
    lag: float = 0.3  # the chance that a router pod does not take the newest files at a tick
    raw: dict[str, Any] = field(default_factory=dict)
    now: datetime = START
    workloads: dict[str, Workload] = field(default_factory=dict)
    trials: dict[str, dict[str, Any]] = field(default_factory=dict)
    entry: Entry | None = None
    block: Block | None = None
    history: list[Plan] = field(default_factory=list)
    failures_of_route: int = 0
    recordings: dict[str, list[Recording]] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)  # requests of users, by who answered
    wrong: dict[str, float] = field(default_factory=dict)  # the share of a variant's predictions that are wrong
    coverage: dict[str, float] = field(default_factory=dict)  # the share of its answers that get a label; absent: all
    delay: float | None = None  # seconds until a label comes; None: none comes
    silence: str | None = None  # the ledger's
    questions: int = 0  # that the ledger was asked
    monitoring: dict[str, Any] | None = None  # spec.monitoring of what is applied next
    watched_at: datetime | None = None  # when the ledger was last asked of the champion
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.envoys = [Envoy("router-a"), Envoy("router-b")]

    def apply(self, version: str, **trial: Any) -> str:
        """What `kubectl apply` does. The hash of the variant that is now wanted."""
        generation = self.raw.get("metadata", {}).get("generation", 0) + 1
        metadata = {"namespace": "team", "name": "churn", "uid": "u1", "generation": generation, "resourceVersion": "1"}
        watched = {} if self.monitoring is None else {"monitoring": self.monitoring}
        wish = {**spec(version, **trial), **watched}
        self.raw = {"metadata": metadata, "spec": wish, "status": self.raw.get("status", {})}
        return Intent.of(self.owner, SERVING_IMAGE).hash

    @property
    def owner(self) -> ModelDeployment:
        return ModelDeployment.parse(
            {**self.raw, "metadata": {**self.raw["metadata"], "annotations": self.annotations}}
        )

    @property
    def status(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.raw["status"]
        return found

    @property
    def newest_trial(self) -> Trial:
        return Trial.parse(list(self.trials.values())[-1])

    def see(self) -> Observation:
        heard = [envoy for envoy in self.envoys if not envoy.silent]
        question = labels.question(self.newest_trial, self.now) if self.trials else None
        self.questions += question is not None
        seen = Observation(
            labels=self._labels(question) if question and not self.silence else None,
            ledger_silence=self.silence if question else None,
            now=self.now,
            deployment=self.owner,
            wanted=Intent.of(self.owner, SERVING_IMAGE),
            variants={hash_: self._variant(workload) for hash_, workload in self.workloads.items()},
            entry=self.entry,
            trials=tuple(Trial.parse(raw) for raw in self.trials.values()),
            router=Router(
                block=self.block,
                pods=tuple(self._pod(envoy) for envoy in heard),
                silent=tuple(envoy.name for envoy in self.envoys if envoy.silent),
                taken_ports=frozenset(),
                problem=self.problem,
            ),
            recordings=self.recordings,
        )
        return self._watched(seen)

    def _watched(self, seen: Observation) -> Observation:
        monitoring = seen.deployment.monitoring
        rested = self.watched_at is None or (self.now - self.watched_at).total_seconds() >= quality.ASKED
        question = quality.question(seen.deployment, find_champion(seen), self.now) if rested else None
        if monitoring is None or question is None:
            return seen
        self.watched_at = self.now
        if self.silence:
            return replace(seen, quality_silence=self.silence)
        return replace(seen, quality=self._labels(question))

    def tick(self, *, lost: bool = False) -> Plan:
        """Two seconds: one reconcile, whose writes may be lost, then the world goes on."""
        plan = make_plan(self.see())
        self.history.append(plan)
        if not lost:
            self.carry_out(plan)
        self._pass(2.0)
        return plan

    def run(self, ticks: int, *, until: str = "") -> None:
        """Ticks until what `spec` asks for was taken up and the phase is `until`, at most `ticks` times."""
        generation = self.raw["metadata"]["generation"]
        for _ in range(ticks):
            self.tick()
            if until and (self.status.get("phase"), self.status.get("observedGeneration")) == (until, generation):
                return

    def carry_out(self, plan: Plan) -> None:
        if plan.trial is not None:
            self.trials[plan.trial.name]["status"] = trial_status(
                self.owner, plan.trial, look.wanted_share(plan.trial)
            )["status"]
        if plan.begins is not None:
            name = plan.begins["metadata"]["name"]
            self.trials[name] = {**plan.begins, "metadata": {**plan.begins["metadata"], "resourceVersion": "1"}}
        for manifest in plan.objects:
            self._take(manifest)
        self.block = plan.block
        for variant in plan.surplus:
            del self.workloads[variant]
        for name in plan.old_trials:
            del self.trials[name]
        self.raw["status"] = plan.status

    def _take(self, manifest: Mapping[str, Any]) -> None:
        meta = manifest["metadata"]
        if manifest["kind"] == "Deployment":
            intent = Intent.read(manifest)
            self.workloads.setdefault(intent.hash, Workload(intent, 1)).intent = intent
        if manifest["kind"] == "HorizontalPodAutoscaler":
            workload = self.workloads[meta["labels"]["contender.dev/variant"]]
            workload.replicas = max(workload.replicas, manifest["spec"]["minReplicas"])
        if manifest["kind"] == "Service" and INTENT not in meta["annotations"]:
            self.entry = Entry(
                meta["annotations"]["contender.dev/champion"], manifest["spec"]["ports"][0]["targetPort"]
            )

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for workload in self.workloads.values():
            workload.problem = self.broken.get(workload.intent.hash)
            workload.ready = 0 if workload.problem else min(workload.replicas, workload.ready + 1)
        for envoy in self.envoys:
            envoy.uptime += seconds
            if self.dice.random() >= self.lag:
                envoy.block = self.block
            self._serve(envoy, round(self.rate * seconds / len(self.envoys)))

    def _serve(self, envoy: Envoy, requests: int) -> None:
        if envoy.block is None:
            return
        route = envoy.block.route
        share = route.share if self.skew is None or not route.share else self.skew
        ours = round(requests * share / 100)
        for variant, number in ((route.champion, requests - ours), (route.challenger, ours)):
            if variant is not None and number:
                self._answer(envoy, variant, number)
        if route.challenger is not None and route.mirror:
            self._copy(envoy, route.challenger, round(requests * route.mirror / 100))

    def _copy(self, envoy: Envoy, variant: str, number: int) -> None:
        assert envoy.block is not None
        if variant not in envoy.block.shadows:
            self.failures_of_route += number
        else:
            envoy.copies[variant] = self._counted(envoy.copies.get(variant, Counters()), variant, number)

    def _answer(self, envoy: Envoy, variant: str, number: int) -> None:
        workload = self.workloads.get(variant)
        if workload is None or not workload.ready or envoy.block is None or variant not in envoy.block.clusters:
            self.failures_of_route += number
            return
        envoy.counters[variant] = self._counted(envoy.counters.get(variant, Counters()), variant, number)
        self.served[variant] = self.served.get(variant, 0) + number
        self._label(variant, number)

    def _label(self, variant: str, number: int) -> None:
        if self.delay is None:
            return
        served = self.now - timedelta(seconds=1)
        answers = drawn(self.dice, number, self.coverage.get(variant, 1.0))
        wrong = drawn(self.dice, answers, self.wrong.get(variant, 0.0))
        self.batches.append(Batch(served, served + timedelta(seconds=self.delay), variant, answers, wrong))

    def _labels(self, question: labels.Question) -> Labels:
        """Every measure that is asked for is told as accuracy."""
        told = {}
        for window in question.windows:
            known = [each for each in self.batches if each.due <= self.now and _within(window, each.at)]
            told[window.since] = {variant: _told(known, variant, question) for variant in question.variants}
        return Labels(told)

    def _counted(self, old: Counters, variant: str, number: int) -> Counters:
        failed = sum(self.dice.random() < self.errors.get(variant, 0.0) for _ in range(number))
        return replace(
            old,
            completed=old.completed + number,
            errors=old.errors + failed,
            timed=old.timed + number,
            begun=old.begun + number,
            faster={edge: old.timed + number if edge >= 0.1 else 0 for edge in EDGES},
        )

    def _variant(self, workload: Workload) -> Variant:
        return Variant(workload.intent, workload.replicas, workload.ready, workload.problem)

    def _pod(self, envoy: Envoy) -> RouterPod:
        block = envoy.block
        return RouterPod(
            name=envoy.name,
            uid=envoy.name,
            uptime=envoy.uptime,
            listening=block is not None,
            route=block.route if block else None,
            clusters=frozenset(block.clusters) if block else frozenset(),
            active={},
            counters=dict(envoy.counters),
            shadows={variant: envoy.copies.get(variant, Counters()) for variant in (block.shadows if block else ())},
            edges=self.edges,
        )


def _within(window: Window, at: datetime) -> bool:
    return window.since <= milliseconds(at) < (window.until or math.inf)


def _told(known: list[Batch], variant: str, question: labels.Question) -> Labelled:
    answers, wrong = (
        sum(getattr(each, what) for each in known if each.variant == variant) for what in ("answers", "wrong")
    )
    delay = 90.0 if question.delays and answers else None
    return Labelled(answers, ((wrong, answers),) * len(question.guardrails), delay)

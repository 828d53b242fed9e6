"""What GitOps tools make of what the operator writes: by kstatus' own library, and by the Lua of docs/gitops.md."""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender.api import ENDED, Phase
from contender.names import API_VERSION, PAUSE, PROMOTE
from contender.observation import Problem
from tests.cluster import golang
from tests.cluster.process import run
from tests.unit.world import World
from tools import crds

PAGE = Path(__file__).parents[2] / "docs" / "gitops.md"
JUDGE = Path(__file__).parent / "judge"
UNTOLD = crds.schema(crds.load()["ModelDeployment"])["properties"]["status"]["default"]
SHARE_OF_ERRORS = 0.1

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    kstatus: str
    argo: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.kstatus}, {self.argo}"


IN_PROGRESS = Health("InProgress", "Progressing")
WELL = Health("Current", "Healthy")
WAITS = Health("Current", "Suspended")
FAILED = Health("Failed", "Degraded")

# By what the status says: its phase, and the reason of its condition Ready.
OF_DEPLOYMENTS = {
    ("Deploying", "Deploying"): IN_PROGRESS,
    ("Deploying", "ModelUnreadable"): FAILED,
    ("Idle", "ChampionServes"): WELL,
    ("Idle", "ChallengerRejected"): WELL,
    ("Idle", "ChampionUnavailable"): Health("InProgress", "Degraded"),
    ("Idle", "GatewayMissing"): FAILED,
    ("Qualifying", "EvidenceUnavailable"): FAILED,
    ("Holding", "EvidenceUnavailable"): FAILED,
    ("Qualifying", "TrialRuns"): WELL,
    ("Shadowing", "TrialRuns"): WELL,
    ("Holding", "ModelUnreadable"): FAILED,
    ("Shifting", "TrialRuns"): WELL,
    ("Holding", "TrialRuns"): WAITS,
    ("Promoting", "TrialRuns"): WELL,
    ("Standby", "TrialRuns"): WELL,
    ("Rejecting", "TrialRuns"): WELL,
    ("Superseding", "TrialRuns"): WELL,
}
OF_TRIALS = {
    **{phase: Health("Current", "Progressing") for phase in set(Phase) - ENDED},
    Phase.HOLDING: WAITS,
    Phase.PROMOTED: WELL,
    Phase.SUPERSEDED: WELL,
    Phase.REJECTED: Health("Current", "Degraded"),
}


class Watched:
    """A world of which every object that the API server has held is kept."""

    def __init__(self) -> None:
        self.world = World()
        self.deployments: list[Object] = []
        self.trials: list[Object] = []

    def applies(self, version: str, **trial: Any) -> str:
        return self.world.apply(version, **trial)

    def runs(self, ticks: int, until: str = "") -> None:
        for _ in range(ticks):
            self.world.run(1)
            self.deployments.append(deployment(self.world))
            self.trials += [trial(raw) for raw in self.world.trials.values()]
            if until and phase(self.deployments[-1]) == until:
                return


def deployment(world: World) -> Object:
    raw: Object = copy.deepcopy({"apiVersion": API_VERSION, "kind": "ModelDeployment", **world.raw})
    raw["metadata"]["name"] = "churn"
    raw["status"] = raw["status"] or dict(UNTOLD)
    return raw


def trial(raw: Mapping[str, Any]) -> Object:
    found: Object = copy.deepcopy({"apiVersion": API_VERSION, "kind": "Trial", **raw})
    found["metadata"]["generation"] = 1
    return found


def phase(raw: Object) -> str:
    found: str = raw.get("status", {}).get("phase", "")
    return found


def taken_up(story: Watched) -> list[Object]:
    """The objects of which the operator has seen the newest spec."""
    return [raw for raw in story.deployments if raw["status"]["observedGeneration"] == raw["metadata"]["generation"]]


def ready(raw: Object) -> str:
    found: str = raw["status"]["conditions"][0]["reason"]
    return found


@pytest.fixture(scope="session")
def story() -> Watched:
    """Every phase: served, promoted after a rehearsal and a silence, overtaken, rejected, unreadable, and a champion
    without pods.
    """
    watched, unreadable = Watched(), Problem("ModelUnreadable", "the store answers 404")
    world = watched.world
    first = watched.applies("1")
    world.broken[first] = unreadable
    watched.runs(3)
    world.broken.clear()
    watched.runs(30, until="Idle")
    watched.applies("2", shadow={"percent": 40, "duration": "4s"})
    watched.runs(9)
    world.rate = 0.0
    watched.runs(60, until="Holding")
    world.rate = 300.0
    watched.runs(200, until="Idle")
    watched.applies("3")
    watched.runs(10)
    world.errors[watched.applies("4")] = SHARE_OF_ERRORS
    watched.runs(5)
    watched.runs(200, until="Idle")
    world.broken[watched.applies("5")] = unreadable
    watched.runs(3)
    watched.applies("2")
    watched.runs(20, until="Idle")
    world.problem = Problem("GatewayMissing", "there is no Gateway")
    watched.runs(3)
    world.problem = None
    world.broken = dict.fromkeys(world.workloads, unreadable)
    watched.runs(3)
    world.broken.clear()
    watched.runs(3)
    world.edges = frozenset({0.1})
    watched.applies("6", guardrails=[{"measure": "latency", "over": "50ms", "noWorseThan": 1.25, "below": 0.01}])
    watched.runs(15)
    return watched


Judge = Callable[[list[Object]], list[Health]]


@pytest.fixture(scope="session")
def judge() -> Judge:
    """The tools' own judgement of objects."""
    program, checks = golang.program("judge", JUDGE, ".", "1 min the first time"), dict(checks_of_the_page())

    def ask(objects: list[Object]) -> list[Health]:
        asked = json.dumps({"checks": checks, "objects": objects})
        return [Health(**told) for told in json.loads(run([str(program)], stdin=asked))]

    return ask


def checks_of_the_page() -> Iterator[tuple[str, str]]:
    """The health check for each kind, as a reader of the page copies them."""
    (block,) = re.findall(r"```yaml\n(resource\.customizations.*?)```", PAGE.read_text(), re.DOTALL)
    for key, check in yaml.safe_load(block).items():
        yield key.rpartition("_")[2], check


def judged(judge: Judge, objects: list[Object]) -> Iterator[tuple[Object, str]]:
    for raw, health in zip(objects, judge(objects), strict=True):
        yield raw, str(health)


def test_each_status_of_a_modeldeployment_is_read_as_the_page_says(judge: Judge, story: Watched) -> None:
    found = {((phase(raw), ready(raw)), health) for raw, health in judged(judge, taken_up(story))}

    assert found == {(what, str(health)) for what, health in OF_DEPLOYMENTS.items()}


def test_each_phase_that_a_modeldeployment_can_be_in_was_judged() -> None:
    phases = crds.schema(crds.load()["ModelDeployment"])["properties"]["status"]["properties"]["phase"]["enum"]

    assert {phase for phase, _ in OF_DEPLOYMENTS} == set(phases)


def test_each_phase_of_a_trial_is_read_as_the_page_says(judge: Judge, story: Watched) -> None:
    found = {(Phase(phase(raw) or "Qualifying"), health) for raw, health in judged(judge, story.trials)}

    assert found == {(phase, str(health)) for phase, health in OF_TRIALS.items()}


def test_whatever_was_told_a_change_that_is_not_taken_up_is_waited_for(judge: Judge, story: Watched) -> None:
    changed = copy.deepcopy(story.deployments)
    for raw in changed:
        raw["metadata"]["generation"] += 1

    assert {health for _, health in judged(judge, changed)} == {str(IN_PROGRESS)}


def test_an_object_of_which_nothing_was_told_yet_is_not_taken_for_done(judge: Judge) -> None:
    world = World()
    world.apply("1")

    assert [health for _, health in judged(judge, [deployment(world)])] == [str(IN_PROGRESS)]


def test_an_object_that_is_being_deleted_is_waited_for(judge: Judge, story: Watched) -> None:
    going = copy.deepcopy(story.deployments[-1])
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert [health for _, health in judged(judge, [going])] == ["Terminating, Progressing"]


@pytest.mark.parametrize(
    ("rules", "annotations", "says"),
    [({"approval": "Manual"}, {}, PROMOTE), ({}, {PAUSE: "true"}, PAUSE)],
    ids=["approval is awaited", "the trial is paused"],
)
def test_what_waits_for_a_person_is_suspended_and_names_the_command(
    judge: Judge, rules: dict[str, str], annotations: dict[str, str], says: str
) -> None:
    world = World(annotations=annotations)
    for version in ("1", "2"):
        world.apply(version, **rules)
        world.run(200, until="Idle" if version == "1" else "Holding")
    (health,) = judge([deployment(world)])

    assert (health.kstatus, health.argo) == (WAITS.kstatus, WAITS.argo)
    assert says in health.message


def test_a_champion_that_breaks_its_bound_serves_and_is_well(judge: Judge) -> None:
    world = World(monitoring={"window": "1h", "quality": [{"measure": "accuracy", "below": 0.05}]}, delay=0.0)
    world.wrong[world.apply("1")] = 0.5
    world.run(100)
    raw = deployment(world)
    found = {each["type"]: each["status"] for each in raw["status"]["conditions"]}

    assert found["QualityKept"] == "False"
    assert [str(health) for health in judge([raw])] == [str(WELL)]


def test_argo_cd_is_told_why(judge: Judge, story: Watched) -> None:
    objects = taken_up(story)
    healths = zip(objects, judge(objects), strict=True)
    said = {(phase(raw), ready(raw)): health.message for raw, health in healths}

    assert "404" in said["Holding", "ModelUnreadable"]
    assert "errors" in said["Idle", "ChallengerRejected"]
    assert "no request" in said["Holding", "TrialRuns"]
    assert "no pod of champion" in said["Idle", "ChampionUnavailable"]

"""What the operator writes into a status has its place in the schema: an API server refuses what has none."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contender import names
from contender.manifests.trial import trial_status
from contender.observation import Answer, Problem, Recording
from tests.unit.world import World
from tools import crds
from tools.crds import Schema

LOOSE = [{"measure": "errors", "noWorseThan": 1.5, "below": 0.05}]
QUICK = {"shadow": {"percent": 40, "duration": "10s"}, "guardrails": LOOSE}
BY_LABELS = [
    {"measure": "recall", "class": "fraud", "noWorseThan": 1.5},
    {"measure": "deviation", "tolerance": 10, "noWorseThan": 1.5},
]


@pytest.fixture(scope="module")
def story() -> World:
    """Two that are rehearsed, with pairs: one is promoted and sent back in the standby, one waits."""
    world = World()
    champion = world.apply("1")
    world.run(30, until="Idle")
    challenger = world.apply("2", **QUICK, standby="1h")
    answers = tuple(Answer(number, f"{number}", 9.0, 200, 0.1) for number in range(1, 9))
    world.run(30, until="Shadowing")
    world.recordings = {champion: [Recording("a", answers)], challenger: [Recording("b", answers)]}
    world.run(200, until="Standby")
    world.errors[challenger] = 0.5
    world.run(50, until="Idle")
    other = world.apply("3", **QUICK, approval="Manual")
    world.broken[other] = Problem("ServerCrashes", "it ended")
    world.run(10)
    world.broken.clear()
    world.run(15)
    world.annotations = {names.PAUSE: "true"}
    world.run(10)
    world.annotations = {}
    judge_by_labels(world)
    watch(world)
    return world


def judge_by_labels(world: World) -> None:
    """One whose labels come for it less often than for the champion, and whose ledger is silent for a while."""
    world.delay, world.coverage = 4.0, {world.apply("4", guardrails=[*LOOSE, *BY_LABELS]): 0.5}
    world.run(15)
    world.silence = "it is away"
    world.run(10)
    world.silence = None
    world.run(40)


def watch(world: World) -> None:
    """Labels tell of whoever serves; then the ledger is silent for a while."""
    bounds = [{"measure": "accuracy", "below": 0.2}, {"measure": "recall", "class": "fraud", "below": 0.2}]
    world.monitoring = {"window": "5m", "quality": bounds}
    world.apply("1")
    world.run(70)
    world.silence = "it is away"
    world.run(40)


def homeless(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Where a value has a field that the schema does not know."""
    if isinstance(value, Mapping) and "properties" in schema:
        for name, part in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name}"
            else:
                yield from homeless(part, schema["properties"][name], f"{path}.{name}")
    elif isinstance(value, list | tuple) and "items" in schema:
        for part in value:
            yield from homeless(part, schema["items"], f"{path}[]")


def status_of(kind: str) -> Schema:
    found: Schema = crds.schema(crds.load()[kind])["properties"]["status"]
    return found


def test_the_story_has_what_is_seldom_told(story: World) -> None:
    statuses = [trial_status(story.owner, plan.trial, 0)["status"] for plan in story.history if plan.trial]

    assert {"pairs", "watches", "shadowedSeconds", "series"} <= {name for status in statuses for name in status}
    facts = [each.get("facts", {}) for status in statuses for each in status["decisions"]]
    assert {"shadowed", "ledgerSilence", "unevenLabels"} <= {name for each in facts for name in each}
    told = [plan.status["quality"] for plan in story.history if "quality" in plan.status]
    fields = {"lookedAt", "coverage", "delaySeconds", "served", "silence", "silentSince"}
    assert fields <= {name for each in told for name in each}
    assert {"rate", "bets"} <= {name for each in told for one in each["measures"] for name in one}
    assert any(window for status in statuses for window in status["evidence"].get("ledger", {}).get("windows", ()))


def test_each_field_of_a_trial_s_status_is_in_its_schema(story: World) -> None:
    schema, trials = status_of("Trial"), [plan.trial for plan in story.history if plan.trial]
    statuses = [trial_status(story.owner, trial, 0)["status"] for trial in trials]

    assert {each for status in statuses for each in homeless(status, schema)} == set()


def test_each_field_of_a_model_deployment_s_status_is_in_its_schema(story: World) -> None:
    schema = status_of("ModelDeployment")

    assert {each for plan in story.history for each in homeless(plan.status, schema)} == set()

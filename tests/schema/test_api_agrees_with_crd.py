"""`contender.api` and `crds/` agree: what is parsed is what the schema has, and what may be None may be absent."""

from collections.abc import Callable
from dataclasses import dataclass
from keyword import iskeyword
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from contender import status
from contender.api import (
    ENDED,
    LABELLED,
    Approval,
    Contestant,
    Guardrail,
    Measure,
    ModelDeployment,
    Monitoring,
    OnTimeout,
    Phase,
    QualityBound,
    Shadow,
    Trial,
    TrialRules,
)
from contender.api import seconds as length
from contender.ladder import EDGES
from contender.rollout import decisions, series
from contender.rollout.answers import ANSWERS, Outcome
from contender.rollout.verdict import Verdict
from tools import crds
from tools.crds import Schema

SCHEMAS = {kind: dict(crds.walk(crds.schema(crd))) for kind, crd in crds.load().items()}
META = {"name": "churn", "namespace": "team-a", "uid": "u", "generation": 1, "resourceVersion": "1"}
EXAMPLES = {"string": "text", "integer": 1, "number": 1.0, "boolean": True, "object": {}, "array": []}


def example(schema: Schema) -> Any:
    """A value with everything that a schema allows in it."""
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {name: example(part) for name, part in schema["properties"].items()}
    if "items" in schema:
        return [example(schema["items"])]
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    return EXAMPLES[schema.get("type", "string")]


class Reads(dict[str, Any]):
    """An object that remembers which of its keys were asked for."""

    def __init__(self, raw: dict[str, Any]) -> None:
        super().__init__({key: Reads(value) if isinstance(value, dict) else value for key, value in raw.items()})
        self.keys_read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.keys_read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_read.add(key)
        return super().get(key, default)


@dataclass(frozen=True)
class Pair:
    """A part of a schema, and the type that reads it."""

    kind: str
    path: str
    type: type
    parse: Callable[[Any], Any]
    unread: frozenset[str] = frozenset()  # there for people

    @property
    def schema(self) -> Schema:
        return SCHEMAS[self.kind][self.path]

    @property
    def names(self) -> list[str]:
        return [name for name in self.schema["properties"] if name not in self.unread]


def in_object(kind: type[ModelDeployment] | type[Trial]) -> Callable[[Any], Any]:
    """The parser of a whole object, of which only the spec is in question."""
    return lambda spec: kind.parse({"metadata": META, "spec": spec})


PAIRS = [
    Pair("ModelDeployment", "spec", ModelDeployment, in_object(ModelDeployment)),
    Pair("ModelDeployment", "spec.trial", TrialRules, TrialRules.parse, frozenset({"historyLimit", "trustedHistory"})),
    Pair("ModelDeployment", "spec.trial.guardrails[]", Guardrail, Guardrail.parse),
    Pair("ModelDeployment", "spec.trial.shadow", Shadow, Shadow.parse),
    Pair("Trial", "spec", Trial, in_object(Trial), frozenset({"modelDeployment"})),
    Pair("Trial", "spec.champion", Contestant, Contestant.parse),
    Pair("Trial", "spec.challenger", Contestant, Contestant.parse),
    Pair("ModelDeployment", "spec.trial.objectives[]", Guardrail, Guardrail.parse),
    Pair("ModelDeployment", "spec.monitoring", Monitoring, Monitoring.parse),
    Pair("ModelDeployment", "spec.monitoring.quality[]", QualityBound, QualityBound.parse),
    Pair("Trial", "spec.guardrails[]", Guardrail, Guardrail.parse),
    Pair("Trial", "spec.shadow", Shadow, Shadow.parse),
    Pair("Trial", "spec.objectives[]", Guardrail, Guardrail.parse),
]
WHOLE = [pair for pair in PAIRS if pair.type in {TrialRules, Contestant, Guardrail, Shadow, Monitoring, QualityBound}]
LEFT_OUT_WHOLE = {"spec.monitoring"}  # is read only where it is written
DECISIONS = [*(verdict.__name__ for verdict in get_args(Verdict)), "Supersede"]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.kind}.{pair.path}")


def snake(name: str) -> str:
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return f"{words}_" if iskeyword(words) else words


@each_pair
def test_what_is_parsed_is_what_the_schema_has(pair: Pair) -> None:
    raw = Reads(example(pair.schema))
    pair.parse(raw)

    assert raw.keys_read == set(pair.names)


@pytest.mark.parametrize("pair", WHOLE, ids=lambda pair: f"{pair.kind}.{pair.path}")
def test_fields_are_the_schema_s_in_snake_case(pair: Pair) -> None:
    hints = get_type_hints(pair.type)
    absent = {snake(name) for name in pair.names if optional(pair.schema, name)}

    assert set(hints) == {snake(name) for name in pair.names}
    assert {name for name, hint in hints.items() if NoneType in get_args(hint)} == absent


@each_pair
def test_only_what_is_neither_required_nor_defaulted_may_be_absent(pair: Pair) -> None:
    for name in pair.names:
        rest = {key: value for key, value in example(pair.schema).items() if key != name}

        assert parses(pair, rest) == optional(pair.schema, name), name


def optional(schema: Schema, name: str) -> bool:
    return name not in schema.get("required", ()) and "default" not in schema["properties"][name]


def parses(pair: Pair, raw: dict[str, Any]) -> bool:
    try:
        pair.parse(raw)
    except KeyError:
        return False
    return True


def test_defaults_make_whatever_is_defaulted_whole() -> None:
    """A nested default only applies where its parent is, so every parent needs one."""
    schemas = SCHEMAS["ModelDeployment"]
    for path, part in schemas.items():
        parent = path.rpartition(".")[0]
        if path.startswith("spec.") and "default" in part and parent not in {"spec", *LEFT_OUT_WHOLE}:
            assert "default" in schemas[parent], path


def test_a_trial_s_status_is_read_whole() -> None:
    schema = SCHEMAS["Trial"]["status"]
    raw = Reads(example(schema))
    Trial.parse({"metadata": META, "spec": example(SCHEMAS["Trial"]["spec"]), "status": raw})

    assert raw.keys_read == set(schema["properties"]) - {"share", "message"}


def test_a_trial_s_status_may_not_be_there_yet() -> None:
    trial = Trial.parse({"metadata": META, "spec": example(SCHEMAS["Trial"]["spec"])})

    assert trial.phase is Phase.QUALIFYING
    assert trial.step == -1


def test_a_model_deployment_is_in_its_trial_s_phase_or_has_none() -> None:
    running = {str(phase) for phase in set(Phase) - ENDED}

    assert set(SCHEMAS["ModelDeployment"]["status.phase"]["enum"]) == {"Deploying", "Idle", *running}


@pytest.mark.parametrize(
    ("kind", "path", "values"),
    [
        ("ModelDeployment", "spec.trial.guardrails[].measure", Measure),
        ("ModelDeployment", "spec.monitoring.quality[].measure", [each for each in Measure if each in LABELLED]),
        ("ModelDeployment", "spec.trial.onTimeout", OnTimeout),
        ("ModelDeployment", "spec.trial.approval", Approval),
        ("ModelDeployment", "status.commands[].outcome", Outcome),
        ("ModelDeployment", "status.commands[].command", [name.rpartition("/")[2] for name in ANSWERS]),
        ("ModelDeployment", "status.trial.verdict", DECISIONS),
        ("ModelDeployment", "spec.trial.objectives[].measure", Measure),
        ("Trial", "spec.guardrails[].measure", Measure),
        ("Trial", "spec.objectives[].measure", Measure),
        ("Trial", "spec.onTimeout", OnTimeout),
        ("Trial", "spec.approval", Approval),
        ("Trial", "status.phase", Phase),
        ("Trial", "status.verdict.decision", DECISIONS),
        ("Trial", "status.decisions[].decision", DECISIONS),
        ("Trial", "status.evidence.measures[].measure", Measure),
    ],
)
def test_enumerations_are_the_schema_s(kind: str, path: str, values: list[str]) -> None:
    assert SCHEMAS[kind][path]["enum"] == [str(value) for value in values]


def test_latency_is_guarded_at_edges_of_the_router_s_histogram() -> None:
    offered = SCHEMAS["ModelDeployment"]["spec.trial.guardrails[].over"]["enum"]

    assert {length(over) for over in offered} < set(EDGES)


def test_a_share_that_is_negligible_is_known_of_every_measure() -> None:
    for kind, path in (("ModelDeployment", "spec.trial.negligible"), ("Trial", "spec.negligible")):
        assert set(SCHEMAS[kind][path]["properties"]) == {str(measure) for measure in Measure}


def test_lists_in_a_status_are_cut_where_the_schema_ends() -> None:
    assert SCHEMAS["ModelDeployment"]["status.history"]["maxItems"] == status.HISTORY
    assert SCHEMAS["Trial"]["status.decisions"]["maxItems"] == decisions.DECISIONS
    assert SCHEMAS["Trial"]["status.series"]["maxItems"] == series.POINTS

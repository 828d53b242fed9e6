from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric

from contender import metrics
from tests.monitoring.exported import HELD, QUALITY, READY, families

DOC = Path(__file__).parents[2] / "docs" / "metrics.md"
SHIFTED = {"name": "iris-1", "share": 25, "verdict": "Shift", "reason": "AnotherStepRemains"}


@pytest.fixture
def name() -> Iterator[str]:
    yield "iris"
    metrics.forget("default", "iris")


def value(sample: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(sample, labels)


def of(name: str, **labels: str) -> dict[str, str]:
    return {"namespace": "default", "modeldeployment": name, **labels}


def verdicts(name: str) -> dict[str, float]:
    samples = [sample for family in metrics.REGISTRY.collect() for sample in family.samples]
    return {
        sample.labels["rule"]: sample.value
        for sample in samples
        if sample.name == "contender_verdicts_total" and sample.labels["modeldeployment"] == name
    }


def test_share_and_phase_are_those_of_the_status(name: str) -> None:
    metrics.observed("default", name, {"phase": "Shifting", "trial": HELD})

    assert value("contender_share", **of(name)) == 5
    assert value("contender_phase", **of(name, phase="Shifting")) == 1


def test_a_left_phase_has_no_series_and_an_ended_trial_no_share(name: str) -> None:
    metrics.observed("default", name, {"phase": "Shifting", "trial": HELD})
    metrics.observed("default", name, {"phase": "Idle"})

    assert value("contender_phase", **of(name, phase="Shifting")) is None
    assert value("contender_phase", **of(name, phase="Idle")) == 1
    assert value("contender_share", **of(name)) == 0


def conditions(name: str) -> dict[str, tuple[str, str]]:
    samples = [sample for family in metrics.REGISTRY.collect() for sample in family.samples]
    return {
        sample.labels["condition"]: (sample.labels["status"], sample.labels["reason"])
        for sample in samples
        if sample.name == "contender_condition" and sample.labels["modeldeployment"] == name and sample.value == 1
    }


def condition(kind: str, status: str, reason: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": "told to people, not to Prometheus"}


def test_conditions_are_those_of_the_status_and_a_former_one_has_no_series(name: str) -> None:
    ready, stalled = condition("Ready", "False", "ModelUnreadable"), condition("Stalled", "True", "ModelUnreadable")
    metrics.observed("default", name, {"phase": "Holding", "conditions": [ready, stalled]})
    before = conditions(name)
    metrics.observed("default", name, {"phase": "Idle", "conditions": [condition("Ready", "True", "ChampionServes")]})

    assert before == {"Ready": ("False", "ModelUnreadable"), "Stalled": ("True", "ModelUnreadable")}
    assert conditions(name) == {"Ready": ("True", "ChampionServes")}


def test_quality_is_that_of_the_status_and_a_measure_without_labels_has_no_share(name: str) -> None:
    metrics.observed("default", name, {"phase": "Idle", "quality": QUALITY})
    before = value("contender_wrong_share", **of(name, measure="accuracy"))
    waiting = {"measures": [{"name": "accuracy", "bound": 0.05, "exposures": 0}]}
    metrics.observed("default", name, {"phase": "Idle", "quality": waiting})

    assert before == 0.04
    assert value("contender_wrong_share", **of(name, measure="accuracy")) is None
    assert value("contender_wrong_share_bound", **of(name, measure="accuracy")) == 0.05
    assert value("contender_label_coverage", **of(name)) is None


def test_a_verdict_counts_once_however_often_it_is_seen(name: str) -> None:
    for trial in ({}, HELD, HELD, SHIFTED, HELD, HELD):
        metrics.observed("default", name, {"phase": "Shifting", "trial": trial})

    assert verdicts(name) == {"ShareIsSoaking": 2, "AnotherStepRemains": 1}


def test_a_verdict_that_the_last_leader_gave_is_not_counted_again(name: str) -> None:
    metrics.observed("default", name, {"phase": "Shifting", "trial": HELD})

    assert verdicts(name) == {}


def test_the_same_verdict_in_another_trial_counts(name: str) -> None:
    for trial in ({}, HELD, {**HELD, "name": "iris-2"}):
        metrics.observed("default", name, {"phase": "Shifting", "trial": trial})

    assert verdicts(name) == {"ShareIsSoaking": 2}


def test_nothing_is_left_of_a_deleted_modeldeployment(name: str) -> None:
    before = value("contender_modeldeployments")
    for trial in ({}, HELD):
        told = {"phase": "Shifting", "trial": trial, "conditions": [READY], "quality": QUALITY}
        metrics.observed("default", name, told)
    metrics.observed("default", "iris-too", {"phase": "Idle"})
    metrics.forget("default", name)
    labels = [sample.labels for family in metrics.REGISTRY.collect() for sample in family.samples]
    left = {label["modeldeployment"] for label in labels if label.get("namespace") == "default"}
    metrics.forget("default", "iris-too")

    assert name not in left
    assert "iris-too" in left
    assert value("contender_modeldeployments") == before


def test_a_reconcile_is_timed_and_counted_by_its_result() -> None:
    done, failed = (
        value("contender_reconciles_total", result="done"),
        value("contender_reconciles_total", result="failed"),
    )
    timed = value("contender_reconcile_duration_seconds_count") or 0
    with metrics.timed():
        pass
    with pytest.raises(KeyError), metrics.timed():
        raise KeyError

    assert value("contender_reconciles_total", result="done") == (done or 0) + 1
    assert value("contender_reconciles_total", result="failed") == (failed or 0) + 1
    assert value("contender_reconcile_duration_seconds_count") == timed + 2


def test_an_error_counts_under_the_name_that_the_docs_know_it_by() -> None:
    class _Private(ConnectionError):
        pass

    before = value("contender_errors_total", kind="ConnectionError") or 0
    metrics.failed(_Private())
    metrics.failed(ConnectionError())

    assert value("contender_errors_total", kind="ConnectionError") == before + 2


def test_the_docs_list_exactly_the_metrics_that_there_are_with_their_labels() -> None:
    ours = [family for family in families() if family.name.startswith("contender_")]

    assert {exposed(family) for family in ours} == documented()


def exposed(family: Metric) -> tuple[str, str, frozenset[str]]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return name, family.type, frozenset(family.samples[0].labels) - {"le"}


def documented() -> set[tuple[str, str, frozenset[str]]]:
    rows = [line.split("|") for line in DOC.read_text().splitlines() if line.startswith("| `contender_")]
    return {
        (name.strip(" `"), kind.strip(), frozenset(label.strip(" `") for label in labels.split(",") if label.strip()))
        for _, name, kind, labels, *_ in rows
    }

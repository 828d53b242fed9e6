"""What the operator exports, once everything that it counts has happened."""

from collections.abc import Iterator

from prometheus_client import Metric

from contender import metrics

READY = {"type": "Ready", "status": "True", "reason": "TrialRuns"}
QUALITY = {
    "measures": [{"name": "accuracy", "rate": 0.04, "bound": 0.08, "exposures": 1240}],
    "coverage": 0.3,
    "delaySeconds": 90,
}
HELD = {"name": "iris-1", "share": 5, "verdict": "Hold", "reason": "ShareIsSoaking"}


def families() -> Iterator[Metric]:
    """Every metric of the operator, each with a series."""
    for trial in ({}, HELD):
        told = {"phase": "Shifting", "trial": trial, "conditions": [READY], "quality": QUALITY}
        metrics.observed("default", "iris", told)
    metrics.failed(ValueError())
    with metrics.timed():
        pass
    try:
        yield from list(metrics.REGISTRY.collect())
    finally:
        metrics.forget("default", "iris")


def exported() -> set[str]:
    """The names that a query may ask for."""
    return {sample.name for family in families() for sample in family.samples}

"""The operator's own metrics; docs/metrics.md says what to do with each. Nothing here is ever read back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each counter, which nobody reads

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

OF_ONE = ("namespace", "modeldeployment")

LEADER = Gauge("contender_leader", "1 in the process that leads, 0 in those that stand by.", registry=REGISTRY)
MODELDEPLOYMENTS = Gauge(
    "contender_modeldeployments", "ModelDeployments that this process looks after.", registry=REGISTRY
)
RECONCILES = Counter("contender_reconciles", "Reconciles, by result: done or failed.", ["result"], registry=REGISTRY)
SECONDS = Histogram(
    "contender_reconcile_duration_seconds",
    "How long a reconcile took, its waiting for the API server and the routers included.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
ERRORS = Counter("contender_errors", "Errors, by kind.", ["kind"], registry=REGISTRY)
SHARE = Gauge(
    "contender_share", "The challenger's share as the routers carry it, in percent.", OF_ONE, registry=REGISTRY
)
PHASE = Gauge("contender_phase", "1 for the phase that a ModelDeployment is in.", [*OF_ONE, "phase"], registry=REGISTRY)
CONDITION = Gauge(
    "contender_condition",
    "1 for the status that each condition of a ModelDeployment has, and its reason.",
    [*OF_ONE, "condition", "status", "reason"],
    registry=REGISTRY,
)
VERDICTS = Counter(
    "contender_verdicts", "Verdicts, each counted when it is new.", [*OF_ONE, "decision", "rule"], registry=REGISTRY
)

QUALITY = {  # of the champion, by field of `status.quality.measures`
    "rate": Gauge(
        "contender_wrong_share",
        "The champion's share of wrong answers by labels, in the window that is watched.",
        [*OF_ONE, "measure"],
        registry=REGISTRY,
    ),
    "bound": Gauge(
        "contender_wrong_share_bound",
        "The share of wrong answers that spec accepts.",
        [*OF_ONE, "measure"],
        registry=REGISTRY,
    ),
    "exposures": Gauge(
        "contender_labels",
        "Labels in the window that is watched, of those answers that the measure is about.",
        [*OF_ONE, "measure"],
        registry=REGISTRY,
    ),
}
COVERAGE = Gauge(
    "contender_label_coverage", "The part of the champion's answers that have a label.", OF_ONE, registry=REGISTRY
)
DELAY = Gauge(
    "contender_label_delay_seconds", "Half of the champion's labels come within it.", OF_ONE, registry=REGISTRY
)

Key = tuple[str, str]  # namespace and name of a ModelDeployment
Series = Mapping[tuple[str, ...], float]  # by labels, beside those of the ModelDeployment

_verdicts: dict[Key, tuple[str, ...]] = {}  # the last one of each ModelDeployment
_shown: dict[tuple[Gauge, Key], Series] = {}


def leads() -> None:
    """This process leads. There is no way back: one that stops leading ends."""
    LEADER.set(1)


@contextmanager
def timed() -> Iterator[None]:
    """Counts and times one reconcile. A cancelled one is neither done nor failed."""
    began = perf_counter()
    try:
        yield
    except Exception:
        _reconciled("failed", began)
        raise
    _reconciled("done", began)


def failed(error: Exception) -> None:
    """Counts an error by the name of its class, or of the nearest that is not private to a module."""
    kinds = (kind.__name__ for kind in type(error).__mro__)
    ERRORS.labels(next(kind for kind in kinds if not kind.startswith("_"))).inc()


def observed(namespace: str, name: str, status: Mapping[str, Any]) -> None:
    """Takes over what `status` of a ModelDeployment says of share, phase, conditions, quality and verdict."""
    trial = status.get("trial", {})
    SHARE.labels(namespace, name).set(trial.get("share", 0))
    conditions = ((each["type"], each["status"], each["reason"]) for each in status.get("conditions", ()))
    _show(PHASE, (namespace, name), {(status["phase"],): 1})
    _show(CONDITION, (namespace, name), dict.fromkeys(conditions, 1))
    _show_quality((namespace, name), status.get("quality", {}))
    _count_verdict(namespace, name, trial)
    MODELDEPLOYMENTS.set(len(_verdicts))


def forget(namespace: str, name: str) -> None:
    """Drops every series of a ModelDeployment that is gone."""
    for gauge in (PHASE, CONDITION, COVERAGE, DELAY, *QUALITY.values()):
        _show(gauge, (namespace, name), {})
        _shown.pop((gauge, (namespace, name)))
    for metric in (SHARE, VERDICTS):
        metric.remove_by_labels({"namespace": namespace, "modeldeployment": name})
    _verdicts.pop((namespace, name), None)
    MODELDEPLOYMENTS.set(len(_verdicts))


def _show_quality(of: Key, quality: Mapping[str, Any]) -> None:
    measures = quality.get("measures", ())
    for field, gauge in QUALITY.items():
        _show(gauge, of, {(each["name"],): each[field] for each in measures if field in each})
    for field, gauge in {"coverage": COVERAGE, "delaySeconds": DELAY}.items():
        _show(gauge, of, {(): quality[field]} if field in quality else {})


def _show(gauge: Gauge, of: Key, series: Series) -> None:
    """Gives the gauge these series alone. What stays is not touched: this is called at every look."""
    before = _shown.get((gauge, of), {})
    for gone in before.keys() - series.keys():
        gauge.remove(*of, *gone)
    for labels, value in series.items():
        if before.get(labels) != value:
            gauge.labels(*of, *labels).set(value)
    _shown[gauge, of] = series


def _reconciled(result: str, began: float) -> None:
    RECONCILES.labels(result).inc()
    SECONDS.observe(perf_counter() - began)


def _count_verdict(namespace: str, name: str, trial: Mapping[str, Any]) -> None:
    """A verdict that already stood when this process first looked is another process's, which has counted it."""
    verdict = tuple(trial[key] for key in ("name", "verdict", "reason") if key in trial)
    before = _verdicts.setdefault((namespace, name), verdict)
    _verdicts[namespace, name] = verdict
    if verdict != before and len(verdict) == 3:
        VERDICTS.labels(namespace, name, *verdict[1:]).inc()

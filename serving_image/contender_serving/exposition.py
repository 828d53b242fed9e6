"""The metrics in Prometheus' text format. The names are a contract: docs/serving-contract.md lists them."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from contender_serving.metrics import Histogram
from contender_serving.monitor import Monitor
from contender_serving.service import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "contender_serving_"

disable_created_metrics()  # type: ignore[no-untyped-call]


def text(service: Service) -> bytes:
    """All metrics of a service."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class ServiceCollector(Collector):
    """Reads a service's counts when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """One family for each name that the contract lists."""
        metrics = self._service.metrics
        requests = CounterMetricFamily(PREFIX + "requests", "Prediction requests by status", labels=["code"])
        for code, count in sorted(metrics.requests.items()):
            requests.add_metric([str(code)], count)
        yield requests
        yield _histogram(
            "request_duration_seconds", "From a prediction request's arrival to its answer", metrics.durations
        )
        yield _gauge("requests_in_flight", "Prediction requests without an answer yet", metrics.in_flight)
        yield _gauge("queue_depth", "Prediction requests that wait for the model", self._service.model.waiting)
        yield _histogram("inference_duration_seconds", "Time of one call of the model", metrics.inferences)
        yield _histogram("batch_size", "Requests that one call of the model answers", metrics.batches)
        yield CounterMetricFamily(PREFIX + "rows", "Rows predicted", value=metrics.rows)
        yield from _features(metrics.monitor)
        yield from _scores(metrics.monitor)
        yield self._info()

    def _info(self) -> Metric:
        labels = ["model", "version", "format", "framework", "framework_version", "digest", "platform"]
        info = GaugeMetricFamily(PREFIX + "info", "1 for the model that is served", labels=labels)
        model = self._service.model
        if model.ready:
            bundle, manifest, framework = model.bundle, model.bundle.manifest, model.bundle.manifest.framework
            values = [manifest.version, manifest.format, framework.name, framework.version, bundle.digest]
            info.add_metric([self._service.model_name, *values, model.predictor.platform], 1)
        return info


def _features(monitor: Monitor) -> Iterable[Metric]:
    missing = _by_feature("feature_missing", "Missing values")
    beyond = _by_feature("feature_out_of_range", "Numbers below or above all of the reference profile's")
    unseen = _by_feature("feature_unseen", "Texts that are no category of the reference profile")
    for counts in monitor.features:
        feature = counts.profile
        missing.add_metric([feature.name], counts.missing)
        if feature.edges:
            beyond.add_metric([feature.name], counts.out_of_range)
        if feature.categories is not None:
            unseen.add_metric([feature.name], counts.unseen)
    yield from (missing, beyond, unseen)


def _by_feature(name: str, meaning: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, meaning, labels=["feature"])


def _scores(monitor: Monitor) -> Iterable[Metric]:
    reference = monitor.profile.score
    edges, expected = (reference.edges, reference.counts) if reference else ([], [0])
    counts = monitor.scores.tolist() or [0]
    yield _buckets("score", "Scores that were answered", edges, counts, None)
    yield _buckets("reference_score", "Scores of the data that the model was written with", edges, expected, None)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, meaning, value=value)


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    return _buckets(name, meaning, histogram.edges, histogram.counts, histogram.sum)


def _buckets(
    name: str, meaning: str, edges: Sequence[float], counts: Sequence[int], total: float | None
) -> HistogramMetricFamily:
    """A histogram of counts up to each edge; without their sum, if there is none."""
    buckets = list(zip((*map(str, edges), "+Inf"), accumulate(counts), strict=True))
    return HistogramMetricFamily(PREFIX + name, meaning, buckets=buckets, sum_value=total)

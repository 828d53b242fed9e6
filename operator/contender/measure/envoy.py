"""One router pod's own account of one ModelDeployment: the live split, the clusters it has, and its counters.

Names are those that `manifests.routes.envoy` gave. What each of Envoy's counters means was measured on Envoy 1.40:
a retried reset is in no 5xx, a timeout is a 5xx but not in the histogram, a refused connection is completed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from contender.api import SPARED
from contender.ladder import EDGES
from contender.manifests.routes.bootstrap import STATS_PORT
from contender.manifests.routes.envoy import (
    LIVE,
    PURPOSES,
    ROUTE_TABLE,
    SHADOW,
    cluster_name,
    parse_split,
    stat_prefix,
)
from contender.measure import Silent
from contender.observation import Counters, Route, RouterPod

TIMEOUT = aiohttp.ClientTimeout(total=2)

Samples = Mapping[str, Sequence[Sample]]


async def scrape(session: aiohttp.ClientSession, pod_ip: str, deployment: str, *, name: str, uid: str) -> RouterPod:
    """Asks the router pod at `pod_ip`, which is called `name`. Raises Silent when there is no readable answer."""
    url = f"http://{pod_ip}:{STATS_PORT}/stats/prometheus"
    parameters = {"text_readouts": "", "filter": stats_filter(deployment)}
    try:
        async with session.get(url, params=parameters, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            return parse(await answer.text(), deployment, name=name, uid=uid)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise Silent(f"router pod {name} told nothing of its counters: {error!r}") from error


def stats_filter(deployment: str) -> str:
    """What to ask for, as a pattern over Envoy's own names; all of it would be a hundred times as long."""
    either, judged = f"{deployment}_[^.]+", f"{deployment}_[^.]+_({LIVE}|{SHADOW})"
    counted = f"completed|retry|timeout|time|5xx|4xx|{'|'.join(map(str, SPARED))}|pending_overflow"
    wanted = (
        rf"cluster\.{either}\.(membership_total|warming_state|upstream_rq_active|upstream_rq_pending_active)",
        rf"cluster\.{judged}\.upstream_rq_({counted})",
        rf"http\.[^.]+\.rds\.{ROUTE_TABLE}\.version_text",  # under whichever listener was the first to want it
        rf"listener\.{stat_prefix(deployment)}\.worker_[0-9]+\.downstream_cx_active",
        r"server\.(uptime|concurrency)",
    )
    return f"^({'|'.join(wanted)})$"


def parse(text: str, deployment: str, *, name: str, uid: str) -> RouterPod:
    """What `text`, an answer of `/stats/prometheus`, says of one ModelDeployment. Raises ValueError if unreadable."""
    samples = _samples(text)
    route = _route(samples, deployment)
    workers = len(samples["envoy_listener_worker_downstream_cx_active"])
    variants = sorted({_variant(sample) for sample in samples["envoy_cluster_membership_total"]})
    return RouterPod(
        name=name,
        uid=uid,
        uptime=_only(samples, "envoy_server_uptime"),
        listening=route is not None and workers >= _only(samples, "envoy_server_concurrency"),
        route=route,
        clusters=frozenset(variant for variant in variants if _is_live(samples, deployment, variant, *PURPOSES)),
        active={variant: _active(samples, deployment, variant) for variant in variants},
        counters={variant: _counters(samples, cluster_name(deployment, variant, LIVE)) for variant in variants},
        shadows={
            variant: _copies(samples, cluster_name(deployment, variant, SHADOW))
            for variant in variants
            if _is_live(samples, deployment, variant, SHADOW)
        },
    )


def _samples(text: str) -> Samples:
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append(sample)
    return found


def _only(samples: Samples, name: str) -> float:
    if len(samples[name]) != 1:
        raise ValueError(f"{name} is not there")
    return samples[name][0].value


def _route(samples: Samples, deployment: str) -> Route | None:
    """The split that is live, which is part of the route table's version."""
    versions = [sample.labels["text_value"] for sample in samples["envoy_http_rds_version_text"]]
    return next((route for version in versions if (route := parse_split(version, deployment))), None)


def _variant(sample: Sample) -> str:
    return sample.labels["envoy_cluster_name"].split("_")[1]


def _is_live(samples: Samples, deployment: str, variant: str, *purposes: str) -> bool:
    """Whether requests can go there: warmed, and with pods, for each purpose."""
    clusters = [cluster_name(deployment, variant, purpose) for purpose in purposes]
    return all(
        _total(samples, "warming_state", cluster) == 0 and _total(samples, "membership_total", cluster) > 0
        for cluster in clusters
    )


def _active(samples: Samples, deployment: str, variant: str) -> int:
    return sum(_under_way(samples, cluster_name(deployment, variant, purpose)) for purpose in (*PURPOSES, SHADOW))


def _under_way(samples: Samples, cluster: str) -> int:
    return sum(_total(samples, name, cluster) for name in ("upstream_rq_active", "upstream_rq_pending_active"))


def _counters(samples: Samples, cluster: str) -> Counters:
    spared = sum(_total(samples, "upstream_rq_total", cluster, envoy_response_code=str(code)) for code in SPARED)
    refused = _total(samples, "upstream_rq_xx_total", cluster, envoy_response_code_class="4")
    completed = _total(samples, "upstream_rq_completed_total", cluster)
    return Counters(
        completed=completed,
        retries=_total(samples, "upstream_rq_retry_total", cluster),
        errors=_total(samples, "upstream_rq_xx_total", cluster, envoy_response_code_class="5"),
        rejected=max(0, refused - spared),  # Envoy reads its counters one by one: a late one may be ahead
        timeouts=_total(samples, "upstream_rq_timeout_total", cluster),
        timed=_total(samples, "upstream_rq_time_count", cluster),
        begun=completed + _under_way(samples, cluster),
        faster=_faster(samples, cluster),
    )


def _copies(samples: Samples, cluster: str) -> Counters:
    return replace(_counters(samples, cluster), shed=_total(samples, "upstream_rq_pending_overflow_total", cluster))


def _faster(samples: Samples, cluster: str) -> dict[float, int]:
    """Answers within each edge; 0 at one that the router does not have."""
    ours = (each for each in samples["envoy_cluster_upstream_rq_time_bucket"] if _cluster(each) == cluster)
    within = {sample.labels["le"]: int(sample.value) for sample in ours}
    return {edge: within.get(f"{edge * 1000:.0f}", 0) for edge in EDGES}


def _cluster(sample: Sample) -> str:
    return sample.labels["envoy_cluster_name"]


def _total(samples: Samples, name: str, cluster: str, **labels: str) -> int:
    """A cluster's value under the parser's name, which ends counters in `_total`; 0 while Envoy has not made it."""
    wanted = {"envoy_cluster_name": cluster, **labels}.items()
    return sum(int(sample.value) for sample in samples[f"envoy_cluster_{name}"] if wanted <= sample.labels.items())

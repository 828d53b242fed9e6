"""What an Envoy counted of one of its clusters, whoever configured it.

What each of Envoy's counters means was measured on Envoy 1.40: a retried reset is in no 5xx, a timeout is a 5xx but not
in the histogram, a refused connection is completed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from contender.api import SPARED
from contender.ladder import EDGES
from contender.observation import Counters

TIMEOUT = aiohttp.ClientTimeout(total=2)
COUNTED = f"upstream_rq_(completed|retry|timeout|5xx|4xx|{'|'.join(map(str, SPARED))}|pending_overflow)"
TIMES = "upstream_rq_time"  # a histogram: most of the lines of an answer
STATE = "membership_total|warming_state|upstream_rq_active|upstream_rq_pending_active"

Samples = Mapping[str, Sequence[Sample]]


async def ask(session: aiohttp.ClientSession, address: str, pattern: str) -> str:
    """The statistics of the Envoy at `address`, a host with its port, whose names match `pattern`."""
    parameters = {"text_readouts": "", "filter": pattern}
    async with session.get(f"http://{address}/stats/prometheus", params=parameters, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        return await answer.text()


def samples_in(text: str) -> Samples:
    """By the parser's names, which end counters in `_total`. Raises ValueError when it is unreadable."""
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append(sample)
    return found


def only(samples: Samples, name: str) -> float:
    """The value of what is there once; else ValueError."""
    if len(samples[name]) != 1:
        raise ValueError(f"{name} is not there")
    return samples[name][0].value


def clusters(samples: Samples) -> set[str]:
    """The names of all clusters that are there."""
    return {_cluster(sample) for sample in samples["envoy_cluster_membership_total"]}


def takes_requests(samples: Samples, cluster: str) -> bool:
    """Whether requests can go there: warmed, and with pods."""
    return total(samples, "warming_state", cluster) == 0 and total(samples, "membership_total", cluster) > 0


def under_way(samples: Samples, cluster: str) -> int:
    """Requests that are there, or wait for a connection."""
    return sum(total(samples, name, cluster) for name in ("upstream_rq_active", "upstream_rq_pending_active"))


def counters(samples: Samples, cluster: str) -> Counters:
    """All that one cluster was asked since Envoy began."""
    spared = sum(total(samples, "upstream_rq_total", cluster, envoy_response_code=str(code)) for code in SPARED)
    refused = total(samples, "upstream_rq_xx_total", cluster, envoy_response_code_class="4")
    completed = total(samples, "upstream_rq_completed_total", cluster)
    return Counters(
        completed=completed,
        retries=total(samples, "upstream_rq_retry_total", cluster),
        errors=total(samples, "upstream_rq_xx_total", cluster, envoy_response_code_class="5"),
        rejected=max(0, refused - spared),  # Envoy reads its counters one by one: a late one may be ahead
        timeouts=total(samples, "upstream_rq_timeout_total", cluster),
        timed=total(samples, "upstream_rq_time_count", cluster),
        begun=completed + under_way(samples, cluster),
        faster=_faster(samples, cluster),
    )


def copies(samples: Samples, cluster: str) -> Counters:
    """The same of a cluster that requests are copied to."""
    shed = total(samples, "upstream_rq_pending_overflow_total", cluster)
    return replace(counters(samples, cluster), shed=shed)


def edges(samples: Samples) -> frozenset[float] | None:
    """Where the histograms that are there can tell times apart, of the edges that Contender knows; None without any."""
    buckets = {sample.labels["le"] for sample in samples["envoy_cluster_upstream_rq_time_bucket"]}
    return frozenset(edge for edge in EDGES if _bucket(edge) in buckets) if buckets else None


def total(samples: Samples, name: str, cluster: str, **labels: str) -> int:
    """A cluster's value under the parser's name, which ends counters in `_total`; 0 while Envoy has not made it."""
    wanted = {"envoy_cluster_name": cluster, **labels}.items()
    return sum(int(sample.value) for sample in samples[f"envoy_cluster_{name}"] if wanted <= sample.labels.items())


def _faster(samples: Samples, cluster: str) -> dict[float, int]:
    """Answers within each edge; 0 at one that the router does not have."""
    ours = (each for each in samples["envoy_cluster_upstream_rq_time_bucket"] if _cluster(each) == cluster)
    within = {sample.labels["le"]: int(sample.value) for sample in ours}
    return {edge: within.get(_bucket(edge), 0) for edge in EDGES}


def _bucket(edge: float) -> str:
    return f"{edge * 1000:.0f}"


def _cluster(sample: Sample) -> str:
    return sample.labels["envoy_cluster_name"]

"""One router pod's own account of one ModelDeployment: the live split, the clusters it has, and its counters.

Names are those that `manifests.routes.envoy` gave.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

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
from contender.measure import Silent, counters
from contender.measure.counters import COUNTED, STATE, TIMES, Samples
from contender.observation import Route, RouterPod

# The library's parser walks through a label's every character, and the route table's version has words on each
# ModelDeployment of the namespace: a look at one would cost more with each other one.
VERSION = re.compile(r'^envoy_http_rds_version_text\{.*text_value="([^"]*)".*\n?', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """Of one ModelDeployment; `times` asks how long its answers took, too."""

    deployment: str
    times: bool = True


async def scrape(session: aiohttp.ClientSession, pod_ip: str, asked: Question, *, name: str, uid: str) -> RouterPod:
    """Asks the router pod at `pod_ip`, which is called `name`. Raises Silent when there is no readable answer."""
    try:
        text = await counters.ask(session, f"{pod_ip}:{STATS_PORT}", stats_filter(asked))
        return parse(text, asked.deployment, name=name, uid=uid)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise Silent(f"router pod {name} told nothing of its counters: {error!r}") from error


def stats_filter(asked: Question) -> str:
    """What to ask for, as a pattern over Envoy's own names; all of it would be a hundred times as long."""
    deployment = asked.deployment
    either, judged = f"{deployment}_[^.]+", f"{deployment}_[^.]+_({LIVE}|{SHADOW})"
    counted = f"({COUNTED}|{TIMES})" if asked.times else COUNTED
    wanted = (
        rf"cluster\.{either}\.({STATE})",
        rf"cluster\.{judged}\.{counted}",
        rf"http\.[^.]+\.rds\.{ROUTE_TABLE}\.version_text",  # under whichever listener was the first to want it
        rf"listener\.{stat_prefix(deployment)}\.worker_[0-9]+\.downstream_cx_active",
        r"server\.(uptime|concurrency)",
    )
    return f"^({'|'.join(wanted)})$"


def parse(text: str, deployment: str, *, name: str, uid: str) -> RouterPod:
    """What `text`, an answer of `/stats/prometheus`, says of one ModelDeployment. Raises ValueError if unreadable."""
    route = _route(VERSION.findall(text), deployment)
    samples = counters.samples_in(VERSION.sub("", text))
    workers = len(samples["envoy_listener_worker_downstream_cx_active"])
    variants = sorted({cluster.split("_")[1] for cluster in counters.clusters(samples)})
    return RouterPod(
        name=name,
        uid=uid,
        uptime=counters.only(samples, "envoy_server_uptime"),
        listening=route is not None and workers >= counters.only(samples, "envoy_server_concurrency"),
        route=route,
        clusters=frozenset(variant for variant in variants if _is_live(samples, deployment, variant, *PURPOSES)),
        active={variant: _active(samples, deployment, variant) for variant in variants},
        counters={variant: counters.counters(samples, cluster_name(deployment, variant, LIVE)) for variant in variants},
        shadows={
            variant: counters.copies(samples, cluster_name(deployment, variant, SHADOW))
            for variant in variants
            if _is_live(samples, deployment, variant, SHADOW)
        },
    )


def _route(versions: Sequence[str], deployment: str) -> Route | None:
    """The split that is live, which is part of the route table's version."""
    return next((route for version in versions if (route := parse_split(version, deployment))), None)


def _is_live(samples: Samples, deployment: str, variant: str, *purposes: str) -> bool:
    """Whether requests can go there for each purpose."""
    return all(counters.takes_requests(samples, cluster_name(deployment, variant, purpose)) for purpose in purposes)


def _active(samples: Samples, deployment: str, variant: str) -> int:
    purposes = (*PURPOSES, SHADOW)
    return sum(counters.under_way(samples, cluster_name(deployment, variant, purpose)) for purpose in purposes)

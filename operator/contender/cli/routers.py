"""What a deployment's traffic is just now, as its router pods count it. They are asked through the API server."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import aiohttp
from kubernetes.aio.client import ApiClient

from contender import names
from contender.api import Guardrail, TrialRules
from contender.cli.files import Object
from contender.cli.unusable import Unusable
from contender.cluster.client import Client
from contender.cluster.kinds import POD
from contender.cluster.store import label
from contender.manifests.routes.bootstrap import STATS_PORT
from contender.measure.envoy import parse, stats_filter
from contender.observation import Counters, RouterPod
from contender.rollout.counting import Count, count
from contender.rollout.evidence import Evidence
from contender.rollout.forecast import Traffic, bad_share
from contender.rollout.times import NO_TIMES, Times

SPAN = 10.0  # seconds between two readings: the rate is taken from what they differ by
TIMEOUT = 5  # seconds for one answer

Pods = Mapping[str, RouterPod]  # by uid


async def traffic(api: ApiClient, namespace: str, owner: Object, rules: TrialRules) -> Traffic | None:
    """None when no request comes. Raises Unusable when there is no champion, or no router pod answers."""
    champion = owner.get("status", {}).get("champion", {}).get("variant")
    if champion is None:
        raise Unusable(f"{owner['metadata']['name']} has no champion yet, and so no traffic: give --rps")
    found, _ = await Client(api).list(POD, namespace)
    pods = [pod for pod in found if label(pod, names.COMPONENT) == names.ROUTER_COMPONENT]
    before = await _read(api, owner, pods)
    await asyncio.sleep(SPAN)
    return counted(before, await _read(api, owner, pods), SPAN, champion, rules)


def counted(before: Pods, after: Pods, seconds: float, champion: str, rules: TrialRules) -> Traffic | None:
    """The rate is that between two readings; how the champion answers is that since its routers began."""
    requests = sum(_begun(after[uid]) - _begun(before[uid]) for uid in before.keys() & after.keys())
    if requests <= 0:
        return None
    seen = [pod.counters.get(champion, Counters()) for pod in after.values()]
    measures = Evidence.begin(rules.guardrails, rules.objectives).measures
    times: Times = reduce(add, map(Times.of, seen), NO_TIMES)
    return Traffic(
        requests / seconds,
        {each.name: bad_share(_total(seen, each.guardrail)) for each in measures if not each.timed},
        {each.name: times for each in measures if each.timed and times.all},
    )


def _begun(pod: RouterPod) -> int:
    return sum(counters.begun for counters in pod.counters.values())


def _total(seen: Sequence[Counters], guardrail: Guardrail) -> Count:
    return reduce(add, (count(counters, guardrail) for counters in seen), Count())


async def _read(api: ApiClient, owner: Object, pods: Sequence[Object]) -> Pods:
    answers = await asyncio.gather(*(_ask(api, owner, pod) for pod in pods), return_exceptions=True)
    heard = {pod.uid: pod for pod in answers if isinstance(pod, RouterPod)}
    if not heard:
        why = next((f": {error}" for error in answers if isinstance(error, BaseException)), ", for there is none")
        raise Unusable(f"no router pod tells of its traffic{why}; give --rps, or see that you may `get pods/proxy`")
    return heard


async def _ask(api: ApiClient, owner: Object, pod: Object) -> RouterPod:
    """One router pod's account. Raises Unusable when it gives none."""
    meta, deployment = pod["metadata"], owner["metadata"]["name"]
    path = f"{POD.path(meta['namespace'], meta['name'])}:{STATS_PORT}/proxy/stats/prometheus"
    query = [("text_readouts", ""), ("filter", stats_filter(deployment))]
    request = await api.param_serialize("GET", path, query_params=query, auth_settings=["BearerToken"])
    try:
        answer = await api.call_api(*request, _request_timeout=TIMEOUT)
        text = (await answer.read()).decode()
        if answer.status != 200:
            raise Unusable(f"{meta['name']} answered {answer.status}: {text[:200]}")
        return parse(text, deployment, name=meta["name"], uid=meta["uid"])
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unusable(f"{meta['name']} did not answer: {error!r}") from error

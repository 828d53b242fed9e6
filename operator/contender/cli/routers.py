"""What a deployment's traffic is just now, as its router pods or its Gateways' proxies count it.

They are asked through the API server.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

import aiohttp
from kubernetes.aio.client import ApiClient

from contender import names
from contender.api import Guardrail, ModelDeployment, TrialRules
from contender.cli.files import Object
from contender.cli.unusable import Unusable
from contender.cluster.client import Client
from contender.cluster.gateways import names_gateway
from contender.cluster.kinds import HTTPROUTE, POD
from contender.cluster.store import label
from contender.manifests.routes import bootstrap
from contender.manifests.routes import gateway as route
from contender.measure import envoy, gateway
from contender.observation import Counters, RouterPod
from contender.rollout.counting import Count, count
from contender.rollout.evidence import Evidence
from contender.rollout.forecast import Traffic, bad_share
from contender.rollout.times import NO_TIMES, Times

SPAN = 10.0  # seconds between two readings, at least: the rate is taken from what they differ by
TIMEOUT = 5  # seconds for one answer

Pods = Mapping[str, RouterPod]  # by uid


@dataclass(frozen=True, slots=True)
class Asked:
    """The pods that split a deployment's traffic, and how one of them is asked for its account."""

    pods: Sequence[Object]
    port: int
    filter: str
    parse: Callable[[str, str, str], RouterPod]  # of the answer's text, the pod's name and its uid


async def traffic(api: ApiClient, namespace: str, owner: Object, rules: TrialRules) -> Traffic | None:
    """None when no request comes. Raises Unusable when there is no champion, or no router pod answers."""
    champion = owner.get("status", {}).get("champion", {}).get("variant")
    if champion is None:
        raise Unusable(f"{owner['metadata']['name']} has no champion yet, and so no traffic: give --rps")
    client = Client(api)
    asked = await (_proxies(client, owner) if names_gateway(owner) else _routers(client, namespace, owner))
    before, began = await _read(api, asked), time.monotonic()
    await asyncio.sleep(SPAN)
    after, ended = await _read(api, asked), time.monotonic()
    return counted(before, after, ended - began, champion, rules)


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


async def _routers(client: Client, namespace: str, owner: Object) -> Asked:
    name = owner["metadata"]["name"]
    found, _ = await client.list(POD, namespace)
    pods = [pod for pod in found if label(pod, names.COMPONENT) == names.ROUTER_COMPONENT]
    return Asked(pods, bootstrap.STATS_PORT, envoy.stats_filter(envoy.Question(name)), partial(_router_pod, name))


def _router_pod(deployment: str, text: str, name: str, uid: str) -> RouterPod:
    return envoy.parse(text, deployment, name=name, uid=uid)


async def _proxies(client: Client, owner: Object) -> Asked:
    """Of all Gateways that it names, in whatever namespace they run. Raises Unusable before it has an HTTPRoute."""
    meta = owner["metadata"]
    raw = await client.get(HTTPROUTE, meta["namespace"], meta["name"])
    if raw is None:
        raise Unusable(f"{meta['name']} has no HTTPRoute yet, and so no traffic: give --rps")
    named = {(parent["namespace"], parent["name"]) for parent in route.parents(ModelDeployment.parse(owner))}
    found = [await client.list(POD, None, gateway.selector(*each)) for each in sorted(named)]
    question = gateway.Question(meta["namespace"], meta["name"], route.read(raw), carried=True)
    pods = [pod for each, _ in found for pod in each]
    return Asked(pods, gateway.STATS_PORT, question.filter, partial(_proxy_pod, question))


def _proxy_pod(question: gateway.Question, text: str, name: str, uid: str) -> RouterPod:
    return question.parse(text, name=name, uid=uid).pod


async def _read(api: ApiClient, asked: Asked) -> Pods:
    answers = await asyncio.gather(*(_ask(api, asked, pod) for pod in asked.pods), return_exceptions=True)
    heard = {pod.uid: pod for pod in answers if isinstance(pod, RouterPod)}
    if not heard:
        why = next((f": {error}" for error in answers if isinstance(error, BaseException)), ", for there is none")
        raise Unusable(f"no router pod tells of its traffic{why}; give --rps, or see that you may `get pods/proxy`")
    return heard


async def _ask(api: ApiClient, asked: Asked, pod: Object) -> RouterPod:
    """One pod's account. Raises Unusable when it gives none."""
    meta = pod["metadata"]
    path = f"{POD.path(meta['namespace'], meta['name'])}:{asked.port}/proxy/stats/prometheus"
    query = [("text_readouts", ""), ("filter", asked.filter)]
    request = await api.param_serialize("GET", path, query_params=query, auth_settings=["BearerToken"])
    try:
        answer = await api.call_api(*request, _request_timeout=TIMEOUT)
        text = (await answer.read()).decode()
        if answer.status != 200:
            raise Unusable(f"{meta['name']} answered {answer.status}: {text[:200]}")
        return asked.parse(text, meta["name"], meta["uid"])
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unusable(f"{meta['name']} did not answer: {error!r}") from error

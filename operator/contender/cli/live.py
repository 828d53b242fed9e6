"""Objects from the cluster that the kubeconfig names."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from contender import names
from contender.api import TrialRules
from contender.cli import routers
from contender.cli.files import Object
from contender.cli.unusable import Unusable
from contender.cluster.client import Client
from contender.cluster.errors import Refused, Transient
from contender.cluster.kinds import MODELDEPLOYMENT, TRIAL, Kind
from contender.cluster.store import is_owned
from contender.rollout.forecast import Traffic

Answer = TypeVar("Answer")


def model_deployment(name: str, namespace: str | None) -> tuple[Object, Object | None]:
    """A ModelDeployment and its newest Trial."""
    return asked(lambda api, where: _with_trial(Client(api), where, name), namespace)


def trial(name: str, namespace: str | None) -> Object:
    return asked(lambda api, where: _get(Client(api), TRIAL, where, name), namespace)


def traffic(owner: Object, rules: TrialRules) -> Traffic | None:
    """What reaches a ModelDeployment just now; None when nothing does. It takes some seconds."""
    return asked(lambda api, where: routers.traffic(api, where, owner, rules), owner["metadata"]["namespace"])


def asked(question: Callable[[ApiClient, str], Awaitable[Answer]], namespace: str | None) -> Answer:
    """The answer to a question to the cluster in one namespace, by default the context's own."""

    async def ask() -> Answer:
        await config.load_kube_config()
        _, active = config.list_kube_config_contexts()
        async with ApiClient() as api:
            return await question(api, namespace or active["context"].get("namespace", "default"))

    try:
        return asyncio.run(ask())
    except (config.ConfigException, OSError) as error:
        raise Unusable(f"no cluster: {error}; set KUBECONFIG, or give a file instead of a name") from error
    except (Transient, Refused) as error:
        raise Unusable(f"the cluster does not answer: {error}") from error


async def _with_trial(client: Client, namespace: str, name: str) -> tuple[Object, Object | None]:
    owner = await _get(client, MODELDEPLOYMENT, namespace, name)
    trials, _ = await client.list(TRIAL, namespace)
    numbered = {
        names.trial_number(raw["metadata"]["name"]): raw for raw in trials if is_owned(raw, owner["metadata"]["uid"])
    }
    return owner, numbered[max(numbered)] if numbered else None


async def _get(client: Client, kind: Kind, namespace: str, name: str) -> Object:
    found = await client.get(kind, namespace, name)
    if found is None:
        mend = f"see `kubectl get {kind.plural} --namespace {namespace}`, or name another with --namespace"
        raise Unusable(f"no {kind.name} {name} in namespace {namespace}: {mend}")
    return found

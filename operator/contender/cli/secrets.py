"""The two Secrets that labels need, with the rights of whoever asks."""

from kubernetes.aio.client import ApiClient

from contender import names
from contender.cli import live
from contender.cli.files import Object
from contender.cli.unusable import Unusable
from contender.cluster.client import Client
from contender.cluster.errors import Refused
from contender.cluster.kinds import SECRET
from contender.manifests import keys

WHEN_MADE = {
    names.LEDGER: "Contender makes it once a ModelDeployment's trial names a label measure, such as accuracy",
    names.RECEIPT_KEYS: "Contender makes it with the first ModelDeployment of its own serving image",
}


def token(deployment: str, namespace: str | None) -> str:
    """What whoever labels a ModelDeployment's predictions shows to the ledger."""
    return live.asked(lambda api, where: label_token(api, where, deployment), namespace)


async def label_token(api: ApiClient, namespace: str, deployment: str) -> str:
    secret = await read(api, namespace, names.LEDGER)
    try:
        return keys.token(secret, keys.labels_of(deployment))
    except (KeyError, ValueError) as error:
        raise Unusable(f"Secret {names.LEDGER} in namespace {namespace} holds no {keys.ROOT}: delete it") from error


async def read(api: ApiClient, namespace: str, name: str) -> Object:
    """Raises Unusable when it is not there, or not for this user to see."""
    try:
        found = await Client(api).get(SECRET, namespace, name)
    except Refused as refused:
        mend = f"ask for the right to `get secrets/{name}` in namespace {namespace}"
        raise Unusable(f"{refused}; {mend}") from refused
    if found is None:
        raise Unusable(f"no Secret {name} in namespace {namespace}: {WHEN_MADE[name]}")
    return found

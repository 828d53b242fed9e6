"""The keys that receipts are sealed with: a new one in good time, the old ones while a receipt may still come back."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from kubernetes.aio.client import ApiClient

from contender import names
from contender.cli import live
from contender.cli.files import Object
from contender.cli.secrets import read
from contender.cli.unusable import Unusable
from contender.cluster.client import Client
from contender.cluster.kinds import STATEFULSET
from contender.manifests import keys

AHEAD = 300  # seconds before a new key is in force: by then every pod has it, the ledger's too
KEPT = 5  # keys at least
DAY = 86_400
RETENTION = 90 * DAY  # of a ledger that says nothing else
LATE = DAY  # seconds for which a pod may have gone on with the key before

Keys = Mapping[int, bytes]  # by the time from which each is in force, in epoch seconds


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of the keys."""

    added: int
    dropped: tuple[int, ...]


def held(namespace: str | None) -> Keys:
    """The keys that there are."""
    return live.asked(_held, namespace)


def rotate(namespace: str | None) -> Rotation:
    """Adds a key, and drops those whose receipts have all expired."""
    return live.asked(_rotate, namespace)


def state(known: Keys, since: int, now: float) -> str:
    """Of one of the keys: receipts are sealed with it, were, or will be."""
    past = [each for each in known if each <= now]
    in_force = max(past) if past else min(known)
    if since == in_force:
        return "in force"
    return "opens older receipts" if since < in_force else "waits"


def when(since: int) -> str:
    return datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def outdated(known: Keys, now: float, retention: int) -> tuple[int, ...]:
    """Keys of which no receipt can come back: the next one has been in force for longer than receipts are taken."""
    horizon = now - retention - LATE
    replaced = [since for since, follower in pairwise(sorted(known)) if follower < horizon]
    return tuple(replaced[: max(0, len(known) - KEPT)])


async def _held(api: ApiClient, namespace: str) -> Keys:
    return _of(await read(api, namespace, names.RECEIPT_KEYS))


def _of(secret: Object) -> dict[int, bytes]:
    """Other names than times are none of ours."""
    try:
        named = keys.data(secret)
    except ValueError as error:
        raise Unusable(f"Secret {names.RECEIPT_KEYS} is broken: {error}") from error
    return {int(name): key for name, key in named.items() if name.isascii() and name.isdigit()}


async def _rotate(api: ApiClient, namespace: str) -> Rotation:
    standing = await read(api, namespace, names.RECEIPT_KEYS)
    known = _of(standing)
    added = int(time.time()) + AHEAD
    if added in known:
        raise Unusable("a key was added in this very second: rotate again in the next")
    now = {**known, added: secrets.token_bytes(keys.KEY_BYTES)}
    dropped = outdated(now, time.time(), await _retention(api, namespace))
    left = {since: key for since, key in now.items() if since not in dropped}
    manifest = {**standing, "data": keys.receipt_keys(namespace, left)["data"]}
    await Client(api).replace(manifest, version=standing["metadata"]["resourceVersion"])
    return Rotation(added, dropped)


async def _retention(api: ApiClient, namespace: str) -> int:
    """For how long the ledger takes a label after its prediction, in seconds."""
    ledger = await Client(api).get(STATEFULSET, namespace, names.LEDGER)
    containers = ledger["spec"]["template"]["spec"]["containers"] if ledger else ()
    env = {each["name"]: each.get("value") for container in containers for each in container.get("env", ())}
    return int(env.get("LEDGER_RETENTION") or RETENTION)

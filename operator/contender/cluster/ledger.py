"""The ledger of each namespace that needs one; and the two Secrets that labels need, which are made once and then left.

A label measure in a ModelDeployment's trial or monitoring asks for a ledger; receipts come from every model of our own
image.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from contender import names
from contender.cluster import kinds, problems
from contender.cluster.client import AlreadyThere, Client
from contender.cluster.errors import Refused
from contender.cluster.kinds import Object
from contender.cluster.store import Store, is_owned, label
from contender.cluster.writer import Writer, owners_of
from contender.manifests import keys
from contender.manifests.ledger import CLAIM, LedgerSettings, Storage, ledger_objects
from contender.observation import Problem

LABEL_MEASURES = frozenset({"accuracy", "precision", "recall", "deviation"})

MOVES = Problem(
    "LedgerMoves",
    f"the ledger was begun with another kind of database: kubectl delete statefulset {names.LEDGER}, and Contender "
    "makes it anew, without the labels that the other one holds; its claim stays",
)
NO_VOLUME = (
    f"; make a StorageClass the default one, or name one in the chart's ledger.storage.className and then "
    f"kubectl delete statefulset/{names.LEDGER} pvc/{CLAIM}-{names.LEDGER}-0"
)


class Ledgers:
    def __init__(self, client: Client, store: Store, writer: Writer, settings: LedgerSettings) -> None:
        self._client = client
        self._store = store
        self._writer = writer
        self._settings = settings
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._made: dict[tuple[str, str], frozenset[str]] = {}  # Secrets, and the ModelDeployments that they were for

    async def ensure(self, namespace: str, now: datetime) -> list[Object]:
        """Secrets and ledger stand where they are needed, and the ledger goes with the last that needed it.

        The objects of which a hand edit was undone.
        """
        everybody = list(self._store.all(kinds.MODELDEPLOYMENT, namespace))
        standing = self._standing(namespace, everybody)
        owners = [raw for raw in everybody if names_labels(raw) or (standing and is_owned(standing, _uid(raw)))]
        async with self._locks[namespace]:
            first = {int(now.timestamp()): secrets.token_bytes(keys.KEY_BYTES)}
            await self._make(keys.receipt_keys(namespace, first), filter(gives_receipts, everybody))
            await self._make(keys.ledger_root(namespace, secrets.token_bytes(keys.KEY_BYTES)), owners)
            if not owners:
                return []
            wanted = ledger_objects(namespace, owners_of(owners), _fitting(self._settings, standing))
            return [manifest for manifest in wanted if await self._writer.apply(manifest)]

    async def token(self, namespace: str) -> str | None:
        """What the operator shows to the ledger of a namespace; None while there is nothing to derive it from."""
        secret = await self._client.get(kinds.SECRET, namespace, names.LEDGER)
        try:
            return keys.token(secret or {}, keys.EVIDENCE)
        except (KeyError, ValueError):
            return None

    def problem(self, namespace: str) -> str | None:
        """Why the ledger's pods do not become ready, and what would help; None while they are only slow."""
        pods = self._store.all(kinds.POD, namespace)
        found = problems.find(None, (pod for pod in pods if label(pod, names.COMPONENT) == names.LEDGER_COMPONENT))
        if found is None:
            return None
        mend = NO_VOLUME if "PersistentVolumeClaim" in found.message else ""
        return f"it does not start: {found.message}{mend}"

    async def _make(self, secret: Object, needing: Iterable[Object]) -> None:
        """Once, for as long as there is one of those that it was made for: a namespace may go, and come again."""
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        uids = frozenset(map(_uid, needing))
        if uids and not uids & self._made.get((namespace, name), frozenset()):
            with suppress(AlreadyThere):
                await self._client.create(secret)
        self._made[namespace, name] = uids

    def _standing(self, namespace: str, everybody: Iterable[Object]) -> Object | None:
        """The StatefulSet, if it is ours."""
        raw = self._store.get(kinds.STATEFULSET, namespace, names.LEDGER)
        ours = raw is not None and any(is_owned(raw, _uid(owner)) for owner in everybody)
        return raw if ours else None


def names_labels(raw: Object) -> bool:
    """Whether labels decide a ModelDeployment's trials, or watch its champion."""
    trial = raw["spec"]["trial"]
    judged = any(each["measure"] in LABEL_MEASURES for each in (*trial["guardrails"], *trial["objectives"]))
    return judged or "monitoring" in raw["spec"]


def gives_receipts(raw: Object) -> bool:
    """Whether our own image serves a ModelDeployment."""
    return "image" not in raw["spec"]["runtime"]


def _fitting(settings: LedgerSettings, standing: Object | None) -> LedgerSettings:
    """A claim cannot be changed, so a ledger that stands keeps what it once asked for."""
    if standing is None:
        return settings
    claims = standing["spec"].get("volumeClaimTemplates") or ()
    if bool(claims) == bool(settings.database):
        raise Refused(MOVES)
    if not claims:
        return settings
    asked = claims[0]["spec"]
    storage = Storage(asked["resources"]["requests"]["storage"], asked.get("storageClassName", ""))
    return replace(settings, storage=storage)


def _uid(raw: Object) -> str:
    return str(raw["metadata"]["uid"])

"""Where a ledger stands, and the Secrets that are made once, against an API server that keeps what it is given."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from typing import Any, cast

import pytest

from contender import names
from contender.cluster import kinds
from contender.cluster.client import AlreadyThere, Client
from contender.cluster.errors import Refused
from contender.cluster.kinds import Kind, Object
from contender.cluster.ledger import LABEL_MEASURES, Ledgers
from contender.cluster.store import Store
from contender.cluster.writer import Writer
from contender.manifests import keys
from contender.manifests.ledger import LedgerSettings, Storage
from tests.unit.world import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = LedgerSettings("operator:1", 1, Storage("1Gi", ""), "", 7_776_000, {})
ON_A_DATABASE = LedgerSettings("operator:1", 2, Storage("1Gi", ""), "labels-db", 7_776_000, {})
OTHER = 32 * b"o"
ACCURACY = [{"measure": "accuracy", "noWorseThan": 1.1}]


@dataclass
class ApiServer:
    """As far as the ledger needs one."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        assert namespace == "team-a"
        self.asked[f"get {kind.name} {name}"] += 1
        return self.objects.get((kind.name, name))

    async def create(self, manifest: Object) -> Object:
        key = (manifest["kind"], manifest["metadata"]["name"])
        self.asked[f"create {' '.join(key)}"] += 1
        if key in self.objects:
            raise AlreadyThere("already there")
        return self._keeps(manifest)

    async def apply(self, manifest: Object, *, version: str | None = None, part: str | None = None) -> Object:
        assert (version, part) == (None, None)
        self.asked[f"apply {manifest['kind']}"] += 1
        return self._keeps(manifest)

    def _keeps(self, manifest: Object) -> dict[str, Any]:
        meta = {**manifest["metadata"], "resourceVersion": str(self.asked.total()), "uid": "x"}
        kept = {**manifest, "metadata": meta}
        self.objects[manifest["kind"], meta["name"]] = kept
        return kept


@dataclass
class Scene:
    server: ApiServer = field(default_factory=ApiServer)
    store: Store = field(default_factory=Store)
    settings: LedgerSettings = SMALL

    def __post_init__(self) -> None:
        self.begins()

    def begins(self, settings: LedgerSettings | None = None) -> None:
        """Another process of the operator, which has seen what there is."""
        client = cast(Client, self.server)
        self.ledgers = Ledgers(client, self.store, Writer(client, self.store), settings or self.settings)
        self.server.asked.clear()

    def has(self, name: str, runtime: Any = None, version: Any = "1", monitoring: Any = None, **trial: Any) -> None:
        meta = {"namespace": "team-a", "name": name, "uid": f"u-{name}", "resourceVersion": version}
        watched = {} if monitoring is None else {"monitoring": monitoring}
        raw = {"metadata": meta, "spec": {**spec("1", **trial), "runtime": runtime or {}, **watched}}
        self.store.put(kinds.MODELDEPLOYMENT, raw)

    async def ensures(self) -> list[str]:
        return [raw["kind"] for raw in await self.ledgers.ensure("team-a", NOW)]

    def made(self) -> set[str]:
        return {f"{kind} {name}" for kind, name in self.server.objects}

    def owners(self) -> list[str]:
        stateful_set = self.server.objects["StatefulSet", names.LEDGER]
        return [reference["name"] for reference in stateful_set["metadata"]["ownerReferences"]]


LEDGER = {f"{kind} {names.LEDGER}" for kind in ("StatefulSet", "Service", "PodDisruptionBudget", "Secret")}
RECEIPTS = {f"Secret {names.RECEIPT_KEYS}"}


async def test_without_a_label_measure_there_are_receipts_and_no_ledger() -> None:
    scene = Scene()
    scene.has("churn")
    await scene.ensures()

    assert scene.made() == RECEIPTS
    (key,) = keys.data(scene.server.objects["Secret", names.RECEIPT_KEYS]).items()
    assert key[0] == str(int(NOW.timestamp()))
    assert len(key[1]) == 32


async def test_other_peoples_images_give_no_receipts_and_need_no_keys() -> None:
    scene = Scene()
    scene.has("churn", runtime={"image": "triton:1"})
    await scene.ensures()

    assert scene.made() == set()


@pytest.mark.parametrize("where", ["guardrails", "objectives"])
@pytest.mark.parametrize("measure", sorted(LABEL_MEASURES))
async def test_a_label_measure_asks_for_a_ledger(where: str, measure: str) -> None:
    scene = Scene()
    scene.has("churn", **{where: [{"measure": measure, "noWorseThan": 1.1}]})
    scene.has("fraud")
    await scene.ensures()

    assert scene.made() == RECEIPTS | LEDGER
    assert scene.owners() == ["churn"]


async def test_monitoring_asks_for_a_ledger() -> None:
    scene = Scene()
    scene.has("churn", monitoring={"window": "24h", "quality": [{"measure": "accuracy", "below": 0.08}]})
    scene.has("fraud")
    await scene.ensures()

    assert scene.made() == RECEIPTS | LEDGER
    assert scene.owners() == ["churn"]


async def test_secrets_have_no_owner_and_are_never_written_again() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    before = {name: raw for (kind, name), raw in scene.server.objects.items() if kind == "Secret"}
    scene.begins()
    await scene.ensures()

    assert {name: raw for (kind, name), raw in scene.server.objects.items() if kind == "Secret"} == before
    assert not any("ownerReferences" in raw["metadata"] for raw in before.values())


async def test_at_rest_nothing_is_asked() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    scene.server.asked.clear()
    scene.has("fraud")
    undone = await scene.ensures()

    assert undone == []
    assert scene.server.asked == {}


async def test_another_process_asks_once_for_each_secret_and_changes_nothing() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    scene.begins()
    await scene.ensures()
    await scene.ensures()

    secrets = {asked: times for asked, times in scene.server.asked.items() if "Secret" in asked}
    assert secrets == {f"create Secret {names.RECEIPT_KEYS}": 1, f"create Secret {names.LEDGER}": 1}


async def test_a_namespace_that_went_and_came_again_gets_its_secrets_again() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    before = await scene.ledgers.token("team-a")
    scene.server.objects.clear()
    for kind in (kinds.MODELDEPLOYMENT, *kinds.WATCHED):
        scene.store.forget(kind, "team-a")
    scene.has("scores", guardrails=ACCURACY)
    await scene.ensures()

    assert scene.made() == RECEIPTS | LEDGER
    assert await scene.ledgers.token("team-a") != before


async def test_a_ledger_stays_with_those_that_needed_it_and_is_shared_with_those_that_need_it_now() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    scene.has("churn", version="2")
    scene.has("fraud", guardrails=ACCURACY)
    await scene.ensures()

    assert scene.owners() == ["churn", "fraud"]


async def test_a_hand_edit_of_the_ledger_is_undone_and_told() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    raw = scene.server.objects["StatefulSet", names.LEDGER]
    edited = {**raw, "metadata": {**raw["metadata"], "resourceVersion": "100"}, "spec": {**raw["spec"], "replicas": 0}}
    scene.store.put(kinds.STATEFULSET, edited)

    assert await scene.ensures() == ["StatefulSet"]
    assert scene.server.objects["StatefulSet", names.LEDGER]["spec"]["replicas"] == 1


async def test_somebody_elses_statefulset_is_left_alone() -> None:
    scene = Scene()
    scene.server.objects["StatefulSet", names.LEDGER] = {"metadata": {"name": names.LEDGER, "uid": "other"}}
    scene.has("churn", guardrails=ACCURACY)
    with pytest.raises(Refused) as refusal:
        await scene.ensures()

    assert refusal.value.problem.reason == "NameTaken"


async def test_a_ledger_that_stands_keeps_its_claim_whatever_the_chart_says_later() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    claims = scene.server.objects["StatefulSet", names.LEDGER]["spec"]["volumeClaimTemplates"]
    scene.begins(LedgerSettings("operator:2", 1, Storage("9Gi", "fast"), "", 86_400, {}))
    await scene.ensures()
    now = scene.server.objects["StatefulSet", names.LEDGER]["spec"]

    assert now["volumeClaimTemplates"] == claims
    assert now["template"]["spec"]["containers"][0]["image"] == "operator:2"


@pytest.mark.parametrize(("before", "after"), [(SMALL, ON_A_DATABASE), (ON_A_DATABASE, SMALL)])
async def test_another_kind_of_database_is_a_persons_decision(before: LedgerSettings, after: LedgerSettings) -> None:
    scene = Scene(settings=before)
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    scene.begins(after)
    with pytest.raises(Refused) as refusal:
        await scene.ensures()

    assert refusal.value.problem.reason == "LedgerMoves"
    assert f"kubectl delete statefulset {names.LEDGER}" in refusal.value.problem.message


async def test_the_operators_token_is_derived_from_the_root_that_there_is() -> None:
    scene = Scene()
    scene.has("churn", guardrails=ACCURACY)
    await scene.ensures()
    root = keys.data(scene.server.objects["Secret", names.LEDGER])["root"]
    first = await scene.ledgers.token("team-a")
    scene.server.objects["Secret", names.LEDGER] = keys.ledger_root("team-a", OTHER)

    assert first == digest(root, b"evidence", sha256).hex()
    assert await scene.ledgers.token("team-a") == digest(OTHER, b"evidence", sha256).hex()


@pytest.mark.parametrize("held", [None, {"data": {}}, {"data": {"root": "%"}}, {"data": {"root": ""}}])
async def test_without_a_root_there_is_no_token(held: dict[str, Any] | None) -> None:
    scene = Scene()
    if held is not None:
        scene.server.objects["Secret", names.LEDGER] = held

    assert await scene.ledgers.token("team-a") is None


async def test_a_claim_that_waits_for_a_volume_is_told_with_its_mend() -> None:
    scene = Scene()
    waiting = {"type": "PodScheduled", "status": "False", "message": "pod has unbound immediate PersistentVolumeClaims"}
    meta = {
        "namespace": "team-a",
        "name": "contender-ledger-0",
        "resourceVersion": "1",
        "labels": names.ledger_labels(),
    }
    scene.store.put(kinds.POD, {"metadata": meta, "status": {"conditions": [waiting]}})
    found = scene.ledgers.problem("team-a")

    assert found is not None
    assert "ledger.storage.className" in found
    assert scene.ledgers.problem("team-b") is None

"""What the operator writes, and what it mends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from contender import names
from contender.cluster import kinds
from contender.cluster.kinds import Kind
from tests.apiserver.operators import Operator, on_trial
from tests.apiserver.proxy import Proxy
from tests.apiserver.user import User, variant

VARIANT = f"churn-{variant('1')}"
MADE = (*kinds.OF_A_VARIANT, kinds.CONFIGMAP)
SERVER = {"name": "server", "image": "serving:1"}


@dataclass(frozen=True)
class Edit:
    """What somebody does to an object of ours by a JSON merge patch."""

    kind: Kind
    name: str
    patch: Mapping[str, Any]


def containers(*made: Mapping[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(made)}}}}


HAND_EDITS = {
    "a variant's arguments": Edit(kinds.DEPLOYMENT, VARIANT, containers({**SERVER, "args": ["sleep"]})),
    "a variant's label": Edit(kinds.DEPLOYMENT, VARIANT, {"metadata": {"labels": {names.MANAGED_BY: "me"}}}),
    "the HPA's bounds": Edit(kinds.HPA, VARIANT, {"spec": {"minReplicas": 3}}),
    "the PDB's bound": Edit(kinds.PDB, VARIANT, {"spec": {"maxUnavailable": 2}}),
    "a selector, to select others": Edit(kinds.SERVICE, VARIANT, {"spec": {"selector": {names.VARIANT: "other"}}}),
    "a selector, to select fewer": Edit(kinds.SERVICE, VARIANT, {"spec": {"selector": {"also": "this"}}}),
    "the entry's champion": Edit(kinds.SERVICE, "churn", {"metadata": {"annotations": {names.CHAMPION: "other"}}}),
    "the entry's port": Edit(kinds.SERVICE, "churn", {"spec": {"ports": [{"port": 80, "targetPort": 1}]}}),
    "the router's size": Edit(kinds.DEPLOYMENT, names.ROUTER, {"spec": {"replicas": 1}}),
    "the router's bootstrap": Edit(kinds.CONFIGMAP, names.ROUTER_BOOTSTRAP, {"data": {"envoy.json": "{}"}}),
    "the router's routes": Edit(kinds.CONFIGMAP, names.ROUTER, {"data": {"lds.json": '{"resources": []}'}}),
}
OTHERS_FIELDS = {
    "the HPA's count": Edit(kinds.DEPLOYMENT, VARIANT, {"spec": {"replicas": 2}}),
    "another label": Edit(kinds.SERVICE, VARIANT, {"metadata": {"labels": {"team": "a"}}}),
    "another annotation": Edit(kinds.HPA, VARIANT, {"metadata": {"annotations": {"seen-by": "me"}}}),
    "the entry's type": Edit(kinds.SERVICE, "churn", {"spec": {"type": "NodePort"}}),
}


def content(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What a hand can edit in it, but for annotations of Kubernetes' own controllers."""
    meta = raw["metadata"]
    ours = {key: value for key, value in meta.get("annotations", {}).items() if key.startswith(names.GROUP)}
    return {"labels": meta["labels"], "annotations": ours, "spec": raw.get("spec"), "data": raw.get("data")}


async def test_a_variant_is_four_objects_that_are_labelled_and_owned(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.looks()
    await operator.acts()
    owner = (await user.gets(kinds.MODELDEPLOYMENT, "churn"))["metadata"]["uid"]

    for kind in kinds.OF_A_VARIANT:
        meta = (await user.gets(kind, VARIANT))["metadata"]

        assert names.variant_labels("churn", variant("1")).items() <= meta["labels"].items()
        assert [(each["uid"], each["controller"]) for each in meta["ownerReferences"]] == [(owner, True)]


async def test_a_second_reconcile_asks_the_api_server_for_nothing(operator: Operator, user: User, proxy: Proxy) -> None:
    await user.applies("1")
    await operator.settles()
    proxy.asked.clear()
    before = await user.versions()
    await operator.looks()
    await operator.acts()

    assert proxy.asked == []
    assert await user.versions() == before


async def test_a_new_process_finds_nothing_to_change(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    before = await user.versions()
    successor = operator.another()
    await successor.looks()
    await successor.acts()

    assert await user.versions() == before
    assert await user.events("HandEditUndone") == []


async def test_hand_edits_are_undone_and_told(operator: Operator, user: User, subtests: pytest.Subtests) -> None:
    await user.applies("1")
    await operator.settles()
    for number, (what, edit) in enumerate(HAND_EDITS.items(), 1):
        with subtests.test(what):
            before = content(await user.gets(edit.kind, edit.name))
            edited = content(await user.edits(edit.kind, edit.name, edit.patch))
            await operator.looks()
            await operator.acts()
            told = await user.events("HandEditUndone")

            assert edited != before
            assert content(await user.gets(edit.kind, edit.name)) == before
            assert len(told) == number
            assert any(message.startswith(f"{edit.kind.name} {edit.name} ") for message in told)


async def test_what_somebody_else_sets_is_left_alone(
    operator: Operator, user: User, proxy: Proxy, subtests: pytest.Subtests
) -> None:
    await user.applies("1")
    await operator.settles()
    proxy.asked.clear()
    for what, edit in OTHERS_FIELDS.items():
        with subtests.test(what):
            edited = content(await user.edits(edit.kind, edit.name, edit.patch))
            await operator.looks()
            await operator.acts()

            assert content(await user.gets(edit.kind, edit.name)) == edited
            assert proxy.asked == []


async def test_no_event_tells_of_an_undoing_that_did_not_happen(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    before = content(await user.gets(kinds.DEPLOYMENT, VARIANT))
    added = before["spec"]["template"]["spec"]["containers"][0]
    sidecar = {"name": "sidecar", "image": "sidecar:1"}
    await user.edits(kinds.DEPLOYMENT, VARIANT, containers(added, sidecar))
    await operator.looks()
    await operator.acts()

    undone = content(await user.gets(kinds.DEPLOYMENT, VARIANT)) == before
    told = bool(await user.events("HandEditUndone"))

    assert told == undone


async def test_all_that_was_deleted_by_hand_is_made_again(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    before = {(kind, raw["metadata"]["name"]) for kind in MADE for raw in await user.lists(kind)}
    await user.deletes_all(*MADE)
    await operator.settles()

    assert {(kind, raw["metadata"]["name"]) for kind in MADE for raw in await user.lists(kind)} == before


async def test_a_variant_that_is_not_wanted_any_more_goes_with_its_four_objects(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await operator.works(until=on_trial)
    challenger = [await user.finds(kind, f"churn-{variant('2')}") for kind in kinds.OF_A_VARIANT]
    await user.applies("1")
    await operator.settles()

    assert None not in challenger
    for kind in kinds.OF_A_VARIANT:
        assert await user.finds(kind, f"churn-{variant('2')}") is None
        assert await user.finds(kind, VARIANT) is not None

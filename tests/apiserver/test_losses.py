"""What is lost comes back, and what goes takes its own with it and nothing else."""

import asyncio
import json
from itertools import chain

from contender import names
from contender.cluster import kinds
from tests.apiserver.operators import Operator, on_trial
from tests.apiserver.proxy import Proxy
from tests.apiserver.user import Object, User, variant

PATIENCE = 180  # seconds for the garbage collector, which may have to learn of our kinds first
MADE = (*kinds.OF_A_VARIANT, kinds.CONFIGMAP, kinds.TRIAL)


async def made(user: User) -> list[Object]:
    """All that the operator made."""
    found = chain.from_iterable([await user.lists(kind) for kind in MADE])
    return [raw for raw in found if names.COMPONENT in raw["metadata"].get("labels", {})]


async def left_in_the_end(user: User) -> list[Object]:
    """What the garbage collector, given time, does not take."""
    for _ in range(PATIENCE * 5):
        if not await made(user):
            break
        await asyncio.sleep(0.2)
    return await made(user)


async def test_status_and_router_are_restored_from_the_entry_and_never_from_spec(
    operator: Operator, user: User
) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await user.edits(kinds.MODELDEPLOYMENT, "churn", {"status": None}, "status")
    await user.deletes(kinds.CONFIGMAP, names.ROUTER)
    await operator.another().works(until=on_trial)
    status = await user.status()
    block = json.loads((await user.gets(kinds.CONFIGMAP, names.ROUTER))["data"]["block.churn.json"])

    assert status["champion"]["variant"] == variant("1")
    assert status["trial"]["challenger"] == variant("2")
    assert block["route"] == {"champion": variant("1"), "challenger": None, "share": 0, "mirror": 0}


async def test_a_modeldeployment_that_goes_leaves_the_router_to_the_others(
    operator: Operator, user: User, proxy: Proxy
) -> None:
    for name in ("churn", "scoring"):
        await user.applies("1", name)
        await operator.settles(name)
    before = (await user.gets(kinds.CONFIGMAP, names.ROUTER))["data"]["block.scoring.json"]
    await user.deletes(kinds.MODELDEPLOYMENT, "churn")
    await operator.looks()

    assert await operator.acts("churn") is None

    await operator.settles("scoring")
    data = (await user.gets(kinds.CONFIGMAP, names.ROUTER))["data"]
    router = [raw for raw in await made(user) if raw["metadata"]["name"].startswith(names.ROUTER)]
    owners = [[owner["name"] for owner in raw["metadata"]["ownerReferences"]] for raw in router]
    proxy.asked.clear()
    await operator.looks()
    await operator.acts("scoring")

    assert data["block.scoring.json"] == before
    assert "churn" not in json.dumps(data)
    assert owners == [["scoring"]] * 4
    assert proxy.asked == []


async def test_deletion_leaves_nothing_behind_while_no_operator_runs(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await operator.works(until=on_trial)
    everything = [*await made(user), *await user.lists(kinds.MODELDEPLOYMENT)]

    assert {raw["metadata"]["name"] for raw in everything} >= {"churn", "churn-1", names.ROUTER}
    assert [raw for raw in everything if "finalizers" in raw["metadata"]] == []

    await user.deletes(kinds.MODELDEPLOYMENT, "churn")

    assert await left_in_the_end(user) == []

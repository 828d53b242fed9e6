"""Two processes that both believe they lead: the one whose look is older must fail, and change nothing."""

import pytest

from contender.cluster import kinds
from contender.cluster.errors import Transient
from tests.apiserver.operators import Operator, on_trial
from tests.apiserver.user import User


async def is_refused(stale: Operator, user: User) -> None:
    before = await user.versions()
    with pytest.raises(Transient):
        await stale.acts()

    assert await user.versions() == before


async def test_a_trial_s_status_is_written_only_onto_the_one_that_was_judged(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await operator.looks()
    await operator.acts()
    await operator.looks()
    successor = operator.another()
    await successor.looks()
    await successor.acts()

    (trial,) = await user.lists(kinds.TRIAL)

    assert trial["status"]["phase"] == "Qualifying"
    await is_refused(operator, user)


async def test_a_trial_is_begun_by_one_of_them_only(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await operator.looks()
    await operator.another().works(until=on_trial)

    await is_refused(operator, user)


async def test_the_status_is_written_only_onto_the_one_that_was_seen(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.edits(kinds.MODELDEPLOYMENT, "churn", {"spec": {"trial": {"historyLimit": 5}}})
    await operator.looks()
    successor = operator.another()
    await successor.looks()
    await successor.acts()

    assert (await user.status())["observedGeneration"] == 2
    await is_refused(operator, user)


async def test_the_router_is_written_only_onto_the_configuration_that_was_seen(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.looks()
    await operator.acts()
    await operator.looks()
    successor = operator.another()
    await successor.looks()
    await successor.acts()

    assert "block.churn.json" in (await user.gets(kinds.CONFIGMAP, "contender-router"))["data"]
    await is_refused(operator, user)


async def test_a_router_that_was_not_there_yet_is_not_overwritten(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.looks()
    await operator.another().settles()

    await is_refused(operator, user)

"""An API server that fails: nothing half-done is lost, and what was lost is asked for again."""

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from contender import names
from contender.cluster import kinds
from contender.cluster.errors import Transient
from contender.plan import IDLE_SECONDS
from tests.apiserver.operators import Operator, on_trial
from tests.apiserver.proxy import Fault, Proxy, Request, nothing_fails
from tests.apiserver.user import Object, User

# What differs from one run to the next, and says nothing of what the operator wanted.
PASSING = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "clusterIP", "clusterIPs"}
    | {"deployment.kubernetes.io/revision", "lastTransitionTime", "since", "startedAt", "endedAt", "lookedAt", "at"}
    | {"judgedSeconds", "soakedSeconds", "evidence", "decisions", "series", "sentences", "eta", "step", "share"}
)
WITH_OUR_STATUS = (kinds.MODELDEPLOYMENT, kinds.TRIAL)
ALL = (*WITH_OUR_STATUS, *kinds.OF_A_VARIANT, kinds.CONFIGMAP)


def lasting(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: lasting(value) for key, value in raw.items() if key not in PASSING}
    return [lasting(each) for each in raw] if isinstance(raw, list) else raw


async def end_state(user: User) -> dict[str, Object]:
    """All objects of the namespace that are the operator's or its user's, without what passes."""
    found = {}
    for kind in ALL:
        for raw in await user.lists(kind):
            if kind is kinds.MODELDEPLOYMENT or names.COMPONENT in raw["metadata"].get("labels", {}):
                kept = {key: part for key, part in raw.items() if key != "status" or kind in WITH_OUR_STATUS}
                found[f"{kind.name} {raw['metadata']['name']}"] = lasting(kept)
    return found


@dataclass
class DiesAt:
    """One write is done, but its answer is lost. A read that fails leaves behind what the write before it did."""

    number: int
    writes: int = 0

    def __call__(self, request: Request) -> Fault | None:
        self.writes += request.method != "GET"
        return Fault.LOST if request.method != "GET" and self.writes == self.number else None


@dataclass
class TwiceOutOfThree:
    """Of three requests for the same thing, one is refused, one's answer is lost, and only the third one succeeds."""

    counts: Counter[Request] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Fault | None:
        self.counts[request] += 1
        return (None, Fault.AWAY, Fault.LOST)[self.counts[request] % 3]


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.LOST], ids=lambda fault: fault.name)
async def test_a_failing_api_server_is_a_reason_to_try_again(
    operator: Operator, user: User, proxy: Proxy, fault: Fault
) -> None:
    await user.applies("1")
    await operator.looks()
    proxy.fault = lambda _: fault

    with pytest.raises(Transient, match=f"answered {fault.value}: {fault.name}"):
        await operator.acts()


async def test_a_lost_answer_is_a_reason_to_try_again(operator: Operator, user: User, proxy: Proxy) -> None:
    await user.applies("1")
    await operator.looks()
    proxy.fault = lambda request: Fault.LOST if request.method == "PATCH" else None

    with pytest.raises(Transient, match="did not answer PATCH"):
        await operator.acts()


async def test_whichever_write_a_process_dies_at_its_successor_reaches_the_same(
    operator: Operator, user: User, proxy: Proxy
) -> None:
    await user.applies("1")
    await operator.another().settles()
    wanted = await end_state(user)
    for number in itertools.count(1):
        await user.deletes_all(*ALL)
        await user.applies("1")
        proxy.fault = dies = DiesAt(number)
        await lives_on(operator.another())
        proxy.fault = nothing_fails
        if dies.writes < number:
            break
        await operator.another().settles()

        assert await end_state(user) == wanted, f"write {number} was the last"

    assert number > len(wanted)


async def lives_on(operator: Operator) -> None:
    """Until a write has failed, or nothing is left to do."""
    with suppress(Transient):
        pause = None
        while pause != IDLE_SECONDS:
            await operator.looks()
            pause = await operator.acts()


async def test_a_trial_comes_to_the_same_end_when_two_of_three_requests_fail(
    operator: Operator, user: User, proxy: Proxy
) -> None:
    ends = []
    for fault in (TwiceOutOfThree(), nothing_fails):
        proxy.fault = fault
        await user.applies("1")
        await operator.settles()
        await user.applies("2")
        await operator.works(until=on_trial)
        await user.applies("1")
        await operator.settles()
        ends.append(await end_state(user))
        await user.deletes_all(*ALL)
        operator = operator.another()

    assert ends[0] == ends[1]
    assert "Trial churn-1" in ends[0]

"""A user stays on one variant, on a real Envoy."""

from collections import Counter

import pytest

from contender.observation import Route
from tests.router.namespace import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

A, B = "aaaaaaaa", "bbbbbbbb"
USERS = 400
BY_HEADER = {"header": "x-user-id"}


async def who_answers(deployment: Deployment) -> dict[int, str | None]:
    """The variant of each user, asked once."""
    return {user: (await deployment.ask(x_user_id=f"user-{user}"))[1] for user in range(USERS)}


async def test_a_user_who_is_named_by_a_header_stays_on_one_variant(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 25), A, B, sticky=BY_HEADER)
    first, again = await who_answers(deployment), await who_answers(deployment)
    share = Counter(first.values())[B] / USERS

    assert first == again
    assert 0.18 <= share <= 0.32


async def test_a_greater_share_moves_only_users_to_the_challenger(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 5), A, B, sticky=BY_HEADER)
    before = await who_answers(deployment)
    await deployment.route(Route(A, B, 50), A, B, sticky=BY_HEADER)
    after = await who_answers(deployment)
    tried = {user for user, variant in before.items() if variant == B}

    assert tried
    assert {after[user] for user in tried} == {B}
    assert 0.42 <= Counter(after.values())[B] / USERS <= 0.58


async def test_requests_without_the_header_are_split_at_random(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 50), A, B, sticky=BY_HEADER)
    answers = Counter(variant for _, variant, _ in await deployment.ask_often(200))

    assert 70 <= answers[B] <= 130


async def test_a_user_who_is_named_by_a_cookie_stays_on_one_variant(deployment: Deployment) -> None:
    await deployment.variant(A)
    await deployment.variant(B)
    await deployment.route(Route(A, B, 50), A, B, sticky={"cookie": "session"})
    answers = [
        {(await deployment.ask(cookie=f"theme=dark; session={user}"))[1] for _ in range(5)} for user in range(40)
    ]

    assert all(len(variants) == 1 for variants in answers)
    assert set.union(*answers) == {A, B}

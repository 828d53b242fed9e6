"""The guard on the split: it speaks of a split that is broken, seldom of one that is fine, and it recovers."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.rollout.split import BAR, TOLERATED, Sent, Split
from tests.unit.test_evidence_error_rates import drawn

WANTED = 25  # percent
LOOK = 200  # requests


def looks(split: Split, dice: Random, share: float, number: int, *, by_user: bool = False) -> Split:
    """The split after so many looks, until it is broken."""
    for _ in range(number):
        ours = drawn(dice, LOOK, share)
        split = split.absorb(Sent(LOOK - ours, ours), WANTED, by_user=by_user)
        if split.problem:
            break
    return split


def test_a_split_as_wanted_is_not_called_broken_however_often_one_looks() -> None:
    """At most once in 10,000, by Ville: so never in 40."""
    dice = Random(1)

    assert not any(looks(Split(), dice, WANTED / 100, 300).problem for _ in range(40))


@given(st.sampled_from([1, 5, 25, 50, 99]), st.integers(1, 10**9))
def test_counts_that_are_exactly_as_wanted_never_speak_however_many(wanted: int, all_requests: int) -> None:
    ours = all_requests * wanted // 100

    assert Split(wanted, Sent(all_requests - ours, ours)).evalue < BAR


@pytest.mark.parametrize("edge", [TOLERATED, 1 / TOLERATED])
def test_at_the_edge_of_what_is_tolerated_the_e_value_cannot_be_expected_to_grow(edge: float) -> None:
    """Under the share at the edge it is the mean likelihood ratio of a mixture: at every size its mean is at most 1."""
    odds = WANTED / (100 - WANTED) * edge
    share, of = odds / (1 + odds), 60
    mean = math.fsum(
        math.comb(of, k) * share**k * (1 - share) ** (of - k) * Split(WANTED, Sent(of - k, k)).evalue
        for k in range(of + 1)
    )

    assert mean <= 1 + 1e-9


@pytest.mark.parametrize(("share", "within"), [(0.0, 1), (0.99, 1), (0.5, 1), (0.3, 15), (0.27, 250)])
def test_a_broken_split_is_found(share: float, within: int) -> None:
    assert looks(Split(), Random(1), share, within).problem


def test_what_broke_it_is_told_with_its_numbers() -> None:
    assert Split(WANTED).absorb(Sent(600, 400), WANTED, by_user=False).problem == (
        "of the requests 40 % (400 of 1,000) were sent to the challenger, and 25 % are wanted"
    )


def test_it_is_mended_once_as_many_requests_again_were_split_well() -> None:
    broken = Split(WANTED).absorb(Sent(600, 400), WANTED, by_user=False)
    half = broken.absorb(Sent(375, 125), WANTED, by_user=False)
    whole = half.absorb(Sent(375, 125), WANTED, by_user=False)

    assert broken.problem
    assert half.problem
    assert whole.problem is None


def test_it_stays_broken_while_requests_go_on_being_split_badly() -> None:
    split = Split(WANTED)
    for _ in range(50):
        split = split.absorb(Sent(120, 80), WANTED, by_user=False)

    assert split.problem


def test_where_users_are_split_their_requests_are_shown_and_not_judged() -> None:
    split = looks(Split(), Random(1), 0.9, 50, by_user=True)

    assert split.problem is None
    assert split.dump()["sent"]["challenger"] > 0


def test_before_the_first_share_nothing_is_split() -> None:
    assert Split().absorb(Sent(1000, 0), 0, by_user=False) == Split()


counts = st.builds(Sent, st.integers(0, 10**9), st.integers(0, 10**9))


@given(st.builds(Split, st.integers(1, 99), counts, st.none() | counts.filter(lambda sent: sent.all > 0)))
def test_it_survives_the_trial_object(split: Split) -> None:
    assert Split.parse(split.dump()) == split


@given(st.integers(1, 99), counts)
def test_it_is_the_same_split_seen_from_the_champion(wanted: int, sent: Sent) -> None:
    mirrored = Split(100 - wanted, Sent(sent.challenger, sent.champion))

    assert mirrored.evalue == pytest.approx(Split(wanted, sent).evalue, rel=1e-3)

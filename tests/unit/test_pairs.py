"""Requests that both variants answered: which are pairs, each counted once, and on which either answer was bad."""

import random

import pytest

from contender.api import Guardrail, Measure
from contender.measure.answers import parse
from contender.observation import Answer, Recording
from contender.rollout.paired import Paired
from contender.rollout.pairs import PROCESSES, SETTLED, Joined, count, is_bad, join

ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
REJECTED = Guardrail(Measure.REJECTED, None, 1.25, 0.001)
SLOW = Guardrail(Measure.LATENCY, "50ms", 1.25, 0.01)
QUANTILE = Guardrail(Measure.LATENCY, None, 1.2, None, quantile=0.95)
OLD = SETTLED + 1


def answer(number: int, request: str, status: int = 200, seconds: float = 0.01, age: float = OLD) -> Answer:
    return Answer(number, request, age, status, seconds)


def recording(*answers: Answer, process: str = "a") -> Recording:
    return Recording(process, answers)


def of(*requests: str, age: float = OLD, first: int = 1) -> list[Answer]:
    return [answer(number, request, age=age) for number, request in enumerate(requests, first)]


def joined(champion: list[Answer], challenger: list[Answer], before: Joined | None = None) -> tuple[list[str], Joined]:
    pairs, after = join(before or Joined(), [recording(*champion)], [recording(*challenger, process="b")])
    return [theirs.request for theirs, _ in pairs], after


def test_what_both_have_answered_is_a_pair_whatever_the_order() -> None:
    assert joined(of("x", "y", "z"), of("z", "x"))[0] == ["x", "z"]


def test_a_pair_counts_once_however_often_it_is_read() -> None:
    first, after = joined(of("x", "y"), of("x", "y"))
    again, later = joined([*of("x", "y"), *of("z", first=3)], of("x", "y", "z"), after)

    assert (first, again) == (["x", "y"], ["z"])
    assert (after.number, later.number) == (2, 3)


def test_the_other_answer_is_waited_for_until_it_would_be_there() -> None:
    early, after = joined(of("x", age=SETTLED - 1), [])
    late, _ = joined(of("x"), of("x"), after)

    assert (early, late) == ([], ["x"])


def test_what_is_not_found_by_then_is_no_pair() -> None:
    _, after = joined(of("x"), [])

    assert joined(of("x"), of("x"), after)[0] == []


def test_an_id_that_was_given_twice_tells_nothing() -> None:
    assert joined(of("x", "x", "y"), of("x", "y"))[0] == ["y"]
    assert joined(of("x", "y"), of("x", "x", "y"))[0] == ["y"]


def test_what_its_client_left_is_no_answer() -> None:
    assert joined([answer(1, "x", status=499), answer(2, "y")], [answer(1, "x"), answer(2, "y", status=499)])[0] == []


def test_pods_are_joined_across_each_other_and_read_each_for_itself() -> None:
    champion = [recording(*of("p", "q"), process="a1"), recording(*of("r"), process="a2")]
    challenger = [recording(*of("r", "p"), process="b1"), recording(*of("q"), process="b2")]
    pairs, after = join(Joined(), champion, challenger)

    assert sorted(theirs.request for theirs, _ in pairs) == ["p", "q", "r"]
    assert after.read == {"a1": 2, "a2": 1}


def test_a_server_that_began_anew_is_read_from_its_beginning() -> None:
    _, after = joined(of("x", "y"), of("x", "y"))
    pairs, _ = join(after, [recording(*of("z"), process="a, again")], [recording(*of("z"), process="b")])

    assert [theirs.request for theirs, _ in pairs] == ["z"]


def test_of_too_many_processes_those_that_answered_last_are_remembered() -> None:
    known = Joined()
    for number in range(PROCESSES + 5):
        _, known = join(known, [recording(*of("x"), process=str(number))], [])

    assert list(known.read) == [str(number) for number in range(5, PROCESSES + 5)]


def test_pairs_are_counted_by_whose_answer_was_bad() -> None:
    fine, bad = answer(1, "x"), answer(1, "x", status=500)
    pairs = [(fine, fine)] * 5 + [(fine, bad)] * 4 + [(bad, fine)] * 3 + [(bad, bad)] * 2

    assert count(pairs, ERRORS) == Paired(both=2, challenger_only=4, champion_only=3)
    assert count(pairs, SLOW) == Paired()


@pytest.mark.parametrize(
    ("guardrail", "bad", "fine"),
    [
        (ERRORS, answer(1, "x", status=503), answer(1, "x", status=404)),
        (REJECTED, answer(1, "x", status=422), answer(1, "x", status=429)),
        (REJECTED, answer(1, "x", status=400), answer(1, "x", status=500)),
        (SLOW, answer(1, "x", seconds=0.051), answer(1, "x", seconds=0.05)),
    ],
)
def test_an_answer_is_bad_as_the_router_would_count_it(guardrail: Guardrail, bad: Answer, fine: Answer) -> None:
    assert is_bad(bad, guardrail)
    assert not is_bad(fine, guardrail)


def test_a_quantile_has_no_bad_answers() -> None:
    assert not is_bad(answer(1, "x", seconds=60.0), QUANTILE)


def test_what_was_joined_survives_the_trial_object() -> None:
    known = Joined(17, {"a": 5, "b": 7})

    assert Joined.parse(known.dump()) == known
    assert Joined.parse({}) == Joined()


def test_every_request_of_a_long_stream_is_paired_once() -> None:
    """Two servers, read every 2 s or now and then later; their answers come up to 3 s apart."""
    dice, known, found = random.Random(1), Joined(), []
    at = {str(number): number / 10 for number in range(1000)}
    late = {request: dice.uniform(-3, 3) for request in at}
    champion = sorted(at, key=lambda request: at[request])
    challenger = sorted(at, key=lambda request: at[request] + late[request])
    now = 0.0
    while now < 130:
        now += dice.choice((2.0, 2.0, 2.0, 6.0))
        ours = [Answer(n, r, now - at[r] - late[r], 200, 0.1) for n, r in enumerate(challenger, 1)]
        theirs = [Answer(n, r, now - at[r], 200, 0.1) for n, r in enumerate(champion, 1)]
        kept = [tuple(each for each in answers if 0 <= each.age < 15) for answers in (theirs, ours)]
        pairs, known = join(known, [Recording("a", kept[0])], [Recording("b", kept[1])])
        found += [each.request for each, _ in pairs]

    assert sorted(found) == sorted(at)
    assert known.number == len(at)


@pytest.mark.parametrize("told", [[], {}, {"process": "a"}, {"process": "a", "answers": [[1, "x"]]}, None, "x"])
def test_what_another_server_answers_there_is_unreadable(told: object) -> None:
    with pytest.raises((TypeError, KeyError, ValueError)):
        parse(told)

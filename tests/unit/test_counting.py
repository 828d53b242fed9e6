from dataclasses import replace

import pytest

from contender.api import Guardrail, Measure
from contender.observation import Counters, Route, RouterPod
from contender.rollout.counting import CURSORS, Count, Cursor, Dropped, count, interval

CHAMPION, CHALLENGER = "aaaaaaaa", "bbbbbbbb"
ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
REJECTED = Guardrail(Measure.REJECTED, None, 1.25, 0.001)
SLOW = Guardrail(Measure.LATENCY, "250ms", 2, 0.01)


def pod(uid: str = "one", uptime: float = 100, share: int = 25, **completed: int) -> RouterPod:
    """A router pod that has counted as many answers of the champion and the challenger as the names say."""
    names = {"champion": CHAMPION, "challenger": CHALLENGER}
    counters = {names[name]: Counters(completed=number) for name, number in completed.items()}
    route = Route(CHAMPION, CHALLENGER, share)
    return RouterPod(uid, uid, uptime, True, route, frozenset(counters), {}, counters)


def look(
    before: tuple[Cursor, ...], *pods: RouterPod, share: int = 25
) -> tuple[int, int, tuple[Cursor, ...], dict[str, int]]:
    """What was counted as completed by either variant, the cursors for the next look, and what was dropped."""
    risen, cursors, dropped = interval(before, pods, CHAMPION, CHALLENGER, share)
    return risen.champion.completed, risen.challenger.completed, cursors, dict(dropped)


def first(*pods: RouterPod) -> tuple[Cursor, ...]:
    return look((), *pods)[2]


def test_an_unknown_pod_only_starts_a_cursor() -> None:
    champion, challenger, cursors, dropped = look((), pod(champion=900, challenger=300))

    assert (champion, challenger, dropped) == (0, 0, {})
    assert [cursor.pod for cursor in cursors] == ["one"]


def test_what_the_counters_rose_by_is_summed_over_the_pods() -> None:
    before = first(pod("one", champion=900, challenger=300), pod("two", champion=50, challenger=10))

    after = look(before, pod("one", champion=1000, challenger=330), pod("two", champion=57, challenger=12))

    assert after[:2] == (107, 32)


def test_a_scrape_that_comes_twice_adds_nothing_the_second_time() -> None:
    before = first(pod(champion=900, challenger=300))
    again = pod(champion=1000, challenger=330)

    twice_at_once = look(before, again, again)
    once_more = look(twice_at_once[2], again)

    assert (*twice_at_once[:2], twice_at_once[3]) == (100, 30, {Dropped.DUPLICATED: 1})
    assert (*once_more[:2], once_more[3]) == (0, 0, {Dropped.DUPLICATED: 1})


@pytest.mark.parametrize(
    "anew",
    [
        pytest.param(pod(uptime=3, champion=40, challenger=11), id="Envoy began anew"),
        pytest.param(pod(uptime=3, champion=4000, challenger=1100), id="Envoy began anew and soon had counted more"),
        pytest.param(pod(uptime=105, champion=1000, challenger=11), id="a cluster was added anew"),
        pytest.param(pod(uptime=99, champion=890, challenger=297), id="an older answer came late"),
    ],
)
def test_after_a_reset_nothing_is_counted_until_the_next_look(anew: RouterPod) -> None:
    reset = look(first(pod(champion=900, challenger=300)), anew)
    later = {
        variant: replace(counters, completed=counters.completed + 7) for variant, counters in anew.counters.items()
    }
    following = look(reset[2], replace(anew, uptime=anew.uptime + 2, counters=later))

    assert (*reset[:2], reset[3]) == (0, 0, {Dropped.RESTARTED: 1})
    assert (*following[:2], following[3]) == (7, 7, {})


@pytest.mark.parametrize("hour", [-3600, 3600])
def test_a_clock_that_is_set_on_a_router_s_node_never_counts_a_request_twice(hour: int) -> None:
    before = first(pod(uptime=5000, champion=900, challenger=300))
    jumped = look(before, pod(uptime=5002 + hour, champion=910, challenger=304))
    following = look(jumped[2], pod(uptime=5004 + hour, champion=920, challenger=308))

    assert jumped[0] + following[0] in {10, 20}
    assert jumped[3] == ({Dropped.RESTARTED: 1} if hour < 0 else {})
    assert following[3] == {}


def test_a_count_of_requests_begun_that_falls_by_itself_is_no_reset() -> None:
    old = replace(pod(), counters={CHAMPION: Counters(completed=90, begun=95)})
    new = replace(pod(uptime=102), counters={CHAMPION: Counters(completed=94, begun=94)})

    assert look(first(old), new)[3] == {}


def test_any_counter_that_fell_shows_a_reset() -> None:
    old, new = pod(), pod(uptime=105)
    before = first(replace(old, counters={CHAMPION: Counters(5, timed=5, faster={0.25: 4})}))
    after = replace(new, counters={CHAMPION: Counters(6, timed=6, faster={0.25: 3})})

    assert look(before, after)[3] == {Dropped.RESTARTED: 1}


def test_an_interval_that_straddles_a_change_of_the_share_is_dropped_and_the_next_one_counts() -> None:
    before = first(pod(share=5, champion=900, challenger=300))

    straddling = look(before, pod(share=25, champion=1000, challenger=330))
    following = look(straddling[2], pod(share=25, champion=1050, challenger=350))

    assert straddling[:2] == (0, 0)
    assert straddling[3] == {Dropped.STRADDLING: 1}
    assert following[:2] == (50, 20)


def test_a_pod_that_lags_behind_is_dropped_while_the_others_count() -> None:
    before = first(pod("one", champion=0, challenger=0), pod("two", share=5, champion=0, challenger=0))

    after = look(before, pod("one", champion=70, challenger=30), pod("two", share=5, champion=95, challenger=5))

    assert after[:2] == (70, 30)
    assert after[3] == {Dropped.LAGGING: 1}


@pytest.mark.parametrize("route", [None, Route("cccccccc", CHALLENGER, 25), Route(CHAMPION, "cccccccc", 25)])
def test_a_pod_that_carries_another_route_is_dropped_and_forgotten(route: Route | None) -> None:
    before = first(pod(champion=900, challenger=300))

    after = look(before, replace(pod(champion=1000, challenger=330), route=route))

    assert after == (0, 0, (), {Dropped.LAGGING: 1})


def test_before_the_first_share_only_the_champion_counts() -> None:
    before = first(pod(share=0, champion=900))
    alone = replace(pod(share=0, champion=1000), route=Route(CHAMPION))

    assert look(before, alone, share=0)[:2] == (100, 0)


def test_a_challenger_that_was_never_counted_begins_at_zero() -> None:
    before = first(pod(champion=900))

    champion, challenger, _, dropped = look(before, pod(champion=1000, challenger=30))

    assert (champion, challenger, dropped) == (100, 30, {})


def test_a_variant_missing_from_one_answer_is_made_up_for_at_the_next() -> None:
    before = first(pod(champion=900, challenger=300))

    missing = look(before, pod(champion=1000))
    following = look(missing[2], pod(champion=1100, challenger=360))

    assert missing[:2] == (0, 0)
    assert missing[3] == {Dropped.MISSING: 1}
    assert following[:2] == (200, 60)


def test_a_pod_that_is_gone_adds_nothing_and_one_that_was_only_silent_loses_nothing() -> None:
    before = first(pod("one", champion=900, challenger=300), pod("two", champion=0, challenger=0))

    gone = look(before, pod("two", uptime=102, champion=10, challenger=3))
    back = look(gone[2], pod("one", champion=1000, challenger=330), pod("two", uptime=104, champion=10, challenger=3))

    assert gone[:2] == (10, 3)
    assert back[:2] == (100, 30)


def test_of_too_many_cursors_those_of_answering_pods_are_kept() -> None:
    before: tuple[Cursor, ...] = ()
    for number in range(CURSORS + 5):
        before = look(before, pod("old"), pod(f"passing-{number}"))[2]

    assert len(before) == CURSORS
    assert {"old", f"passing-{CURSORS + 4}"} <= {cursor.pod for cursor in before}


def test_a_cursor_survives_the_trial_object() -> None:
    counters = Counters(10, 1, 2, 3, 4, 5, {0.25: 4, 1.0: 5, 0.001: 0}, 12)
    cursor = Cursor("one", 12.5, 25, {CHAMPION: counters, CHALLENGER: Counters()})

    assert Cursor.parse(cursor.dump()) == cursor


def test_a_cursor_of_a_trial_of_old_is_read_and_takes_requests_completed_for_those_begun() -> None:
    numbers = {"completed": 10, "retries": 1, "errors": 2, "rejected": 3, "timeouts": 4, "timed": 5}
    raw = {"pod": "one", "uptime": 12.5, "share": 25, "counters": {CHAMPION: {**numbers, "faster": {"0.25": 4}}}}

    assert Cursor.parse(raw).counters == {CHAMPION: Counters(10, 1, 2, 3, 4, 5, {0.25: 4}, 10)}


def test_a_retried_reset_is_an_error_and_an_exposure() -> None:
    assert count(Counters(completed=100, retries=3, errors=2), ERRORS) == Count(5, 103)


def test_rejected_requests_count_out_of_all() -> None:
    assert count(Counters(completed=100, retries=3, errors=2, rejected=7), REJECTED) == Count(7, 103)


def test_a_timeout_is_slow_though_it_never_enters_the_histogram() -> None:
    counters = Counters(completed=104, errors=4, timeouts=4, timed=100, faster={0.1: 60, 0.25: 90, 0.5: 100})

    assert count(counters, SLOW) == Count(14, 104)


def test_only_timeouts_are_all_slow() -> None:
    assert count(Counters(completed=4, errors=4, timeouts=4), SLOW) == Count(4, 4)


def test_an_edge_that_the_router_does_not_have_never_passes_for_slow_answers() -> None:
    with pytest.raises(KeyError):
        count(Counters(completed=100, timed=100, faster={0.5: 100}), SLOW)


def test_copies_that_the_router_shed_are_neither_errors_nor_exposures() -> None:
    counters = Counters(completed=100, errors=13, rejected=7, shed=10)

    assert count(counters, ERRORS) == Count(3, 90)
    assert count(counters, REJECTED) == Count(7, 90)


def test_a_shed_copy_that_is_seen_before_its_error_takes_nothing_away() -> None:
    assert count(Counters(completed=2, errors=0, shed=3), ERRORS) == Count(0, 0)

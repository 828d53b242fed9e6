"""Labels as counts: what is taken in, what waits, what is corrected; and the ledger as it is asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from contender.api import Guardrail, Measure, Trial
from contender.measure import Silent, ledger
from contender.measure.ledger import Ledger, Unauthorised
from contender.observation import Labelled, Labels
from contender.rollout import strata, windows
from contender.rollout.comparison import Pair
from contender.rollout.counting import Dropped
from contender.rollout.evidence import Evidence
from contender.rollout.findings import awaited, findings
from contender.rollout.labels import EVERY, Question, follow, question
from contender.rollout.split import Sent
from contender.rollout.windows import Window, milliseconds
from contender_ledger import evidence
from tests.unit.test_labels_plan import serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
ACCURACY = Guardrail(Measure.ACCURACY, None, 1.25, 0.001)
RECALL = Guardrail(Measure.RECALL, None, 1.25, None, class_="fraud")
DEVIATION = Guardrail(Measure.DEVIATION, None, None, 0.05, tolerance=10.0)

Counts = tuple[int, int]


def opened(*guardrails: Guardrail) -> Evidence:
    return Evidence.begin(guardrails or (ERRORS, ACCURACY)).open_window(NOW, 50)


def told(*both: tuple[Counts, Counts], since: datetime = NOW) -> Labels:
    """What the ledger says of one measure in each window: the champion's events and exposures, the challenger's."""
    return Labels(
        {
            milliseconds(since) + number: {
                "champion": Labelled(theirs[1], (theirs,)),
                "challenger": Labelled(ours[1], (ours,)),
            }
            for number, (theirs, ours) in enumerate(both)
        }
    )


def heard(evidence: Evidence, *looks: tuple[Counts, Counts], **how: bool) -> Evidence:
    for each in looks:
        evidence = evidence.absorb_labels(told(each), "champion", "challenger", NOW, **how)
    return evidence


def accuracy(evidence: Evidence) -> Pair:
    return evidence.measures[-1].trial


def test_what_labels_tell_is_taken_in_once_however_often_it_is_told() -> None:
    once = heard(opened(), ((10, 100), (12, 110)))
    again = heard(once, ((10, 100), (12, 110)))

    assert accuracy(once).numbers == (10, 100, 12, 110)
    assert again.measures == once.measures


def test_a_few_labels_wait_until_both_variants_have_more() -> None:
    few = heard(opened(), ((1, 100), (1, 9)))
    more = heard(few, ((1, 100), (2, 90)))

    assert accuracy(few).numbers == (0, 0, 0, 0)
    assert accuracy(more).numbers == (1, 100, 2, 90)


def test_labels_that_were_replaced_correct_the_counts_and_nothing_is_bet_on_them() -> None:
    before = heard(opened(), ((50, 100), (90, 100)))
    after = heard(before, ((5, 110), (6, 110)))

    assert accuracy(after).numbers == (5, 110, 6, 110)
    assert after.measures[-1].ratios == before.measures[-1].ratios
    assert after.dropped == {Dropped.CORRECTED: 1}


def test_labels_that_are_uneven_wait_and_are_all_there_once_they_are_even() -> None:
    uneven = heard(opened(), ((100, 1000), (0, 0)))
    even = heard(uneven, ((100, 1000), (110, 1000)))

    assert uneven.ledger.uneven is not None
    assert "0 % of the labels (0 of 1,000)" in uneven.ledger.uneven
    assert accuracy(uneven).exposure_odds is None
    assert uneven.dropped == {Dropped.UNEVEN: 1}
    assert even.ledger.uneven is None
    assert accuracy(even).numbers == (100, 1000, 110, 1000)


def test_where_users_are_split_the_labels_share_may_be_any() -> None:
    seen = heard(opened(), ((100, 1000), (30, 300)), by_user=True)

    assert accuracy(seen).numbers == (100, 1000, 30, 300)


def test_a_proof_by_labels_is_of_the_whole_trial() -> None:
    seen = heard(opened(), ((100, 5000), (20, 5000)))

    assert seen.begin_step().measures[-1].proof() == seen.measures[-1].proof() >= 20


def test_the_routers_counters_tell_nothing_of_labels_nor_labels_of_requests() -> None:
    seen = heard(opened(), ((100, 5000), (20, 5000)))

    assert seen.challenger_requests == 0
    assert accuracy(seen.absorb((), "champion", "challenger", 50)) == accuracy(seen)


counts = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda two: (min(two), max(two)))


@given(st.lists(st.tuples(counts, counts), max_size=8))
def test_whatever_is_told_the_counts_are_those_of_the_ledger_and_are_read_again(looks: list[Any]) -> None:
    seen = heard(opened(), *looks, by_user=True)
    kept = Evidence.parse(seen.dump(0.95), (ERRORS, ACCURACY))

    assert kept.measures == seen.measures
    assert kept.ledger == seen.ledger
    assert accuracy(seen) == sum(seen.measures[-1].windows, start=Pair.of((0, 0, 0, 0)))


def test_the_oldest_window_goes_when_there_are_too_many_and_its_counts_stay() -> None:
    seen = heard(opened(), ((100, 1000), (110, 1000)))
    for number in range(1, windows.MOST + 1):
        seen = seen.open_window(NOW + timedelta(hours=number), 50)

    assert len(seen.ledger.windows) == len(seen.measures[-1].windows) == windows.MOST
    assert accuracy(seen).numbers == (100, 1000, 110, 1000)


@pytest.mark.parametrize(("measures", "kept"), [(0, 20), (1, 20), (3, 20), (8, 8), (16, 4), (60, 3)])
def test_a_trial_keeps_as_many_windows_as_it_has_room_for(measures: int, kept: int) -> None:
    assert windows.most(measures) == kept


def test_while_the_split_is_broken_no_window_is_open() -> None:
    broken = replace(opened(), split=replace(opened().split, wanted=50, spoke=Sent(900, 100)))
    after = follow(broken, 50, NOW, NOW, live=True)

    assert after.ledger.open is None


def test_measures_are_named_by_what_they_are_about() -> None:
    assert [measure.name for measure in opened(ACCURACY, RECALL, DEVIATION).measures] == [
        "accuracy",
        "recall of fraud",
        "deviation over 10",
    ]


def test_what_is_missing_is_told_in_labels() -> None:
    seen = heard(opened(), ((100, 1000), (100, 1000)))
    (_, finding) = findings(seen, 0.95)
    waits = awaited(seen, 0.95, (None, 0.5))

    assert "more challenger labels to the proof" in finding.summary
    assert waits.startswith("1,000 of about ")
    assert waits.endswith(", ETA 73 min")
    assert awaited(opened(), 0.95, (None, None)) == "none of the challenger's has come yet"


def test_a_ratio_over_windows_is_not_misled_by_their_sizes() -> None:
    both = [Pair.of((200, 1000, 10, 50)), Pair.of((20, 1000, 20, 1000))]
    low, high = strata.ratio_interval(both, 0.95) or (0.0, 0.0)

    assert strata.ratio(both) == pytest.approx(1.0)
    assert low < 1 < high
    assert sum(both, start=Pair.of((0, 0, 0, 0))).ratio == pytest.approx(0.26, rel=0.01)


def test_one_window_has_the_interval_that_any_counts_have() -> None:
    pair = Pair.of((80, 1000, 90, 1000))

    assert strata.ratio_interval([pair], 0.95) == pytest.approx(pair.ratio_interval(0.95), rel=1e-3)


def test_without_a_wrong_answer_of_the_champion_s_there_is_no_ratio() -> None:
    assert strata.ratio([Pair.of((0, 100, 5, 100))]) is None
    assert strata.ratio_interval([Pair.of((0, 100, 5, 100))], 0.95) is None


def on_trial() -> tuple[Trial, datetime]:
    world, _, _ = serving(soak="1h")
    world.run(20)
    return world.newest_trial, world.now


def test_the_ledger_is_asked_of_each_window_and_of_what_labels_tell() -> None:
    trial, now = on_trial()
    asked = question(trial, now + timedelta(seconds=EVERY))
    assert asked is not None

    assert asked.variants == (trial.champion.variant, trial.challenger.variant)
    assert [guardrail.measure for guardrail in asked.guardrails] == [Measure.ACCURACY]
    assert [window.share for window in asked.windows] == [5]


def test_a_clock_that_was_set_back_does_not_keep_the_ledger_from_being_asked() -> None:
    trial, now = on_trial()

    assert question(trial, now - timedelta(hours=1)) is not None


QUESTION = Question((Window(1000, 2000, 5), Window(3000, None, 25)), ("aaaa", "bbbb"), (ACCURACY, RECALL, DEVIATION))
THREE = [{"events": 1, "exposures": 10}, {"events": 2, "exposures": 3}, {"events": 0, "exposures": 0}]
COUNTED = {"labelled": 30, "measures": THREE}
ANSWER: dict[str, Any] = {"windows": [{"aaaa": {**COUNTED, "answers": 10}, "bbbb": {**COUNTED, "answers": 9}}] * 2}


def test_the_question_is_as_the_ledger_takes_it() -> None:
    assert ledger.body(QUESTION) == {
        "windows": [{"since": 1000, "until": 2000}, {"since": 3000, "until": None}],
        "variants": ["aaaa", "bbbb"],
        "measures": [
            {"measure": "accuracy"},
            {"measure": "recall", "class": "fraud"},
            {"measure": "deviation", "tolerance": 10.0},
        ],
    }


def test_the_answer_is_read_by_window_variant_and_measure() -> None:
    read = ledger.parse(ANSWER, QUESTION)

    assert read.windows.keys() == {1000, 3000}
    assert read.windows[3000]["bbbb"] == Labelled(9, ((1, 10), (2, 3), (0, 0)))


def test_how_late_labels_come_is_asked_for_and_read_where_somebody_wants_to_know() -> None:
    asked = replace(QUESTION, variants=("aaaa", "bbbb"), delays=True)
    told = {"windows": [{**ANSWER["windows"][0], "aaaa": {**COUNTED, "answers": 10, "delay": 90}}] * 2}
    read = ledger.parse(told, asked)

    assert msgspec.json.decode(json.dumps(ledger.body(asked)), type=evidence.Question).delays
    assert not msgspec.json.decode(json.dumps(ledger.body(QUESTION)), type=evidence.Question).delays
    assert (read.windows[1000]["aaaa"].delay, read.windows[1000]["bbbb"].delay) == (90.0, None)


class Answers(aiohttp.abc.AbstractResolver):
    """Every host is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:  # noqa: ARG002
        return [{"hostname": host, "host": "127.0.0.1", "port": self.port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """There is nothing to close."""


def asked(
    answer: Callable[[web.Request], Awaitable[web.Response]], tokens: list[str | None]
) -> tuple[Labels, list[str]]:
    """What a ledger tells that answers so; and the tokens that it was shown. They are read one after the other."""

    async def ask() -> tuple[Labels, list[str]]:
        shown: list[str] = []

        async def handle(request: web.Request) -> web.Response:
            shown.append(f"{request.host} {request.path} {request.headers['authorization']}")
            return await answer(request)

        app = web.Application()
        app.router.add_post("/evidence/churn", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Answers(port))) as session:
                known = iter(tokens)

                async def token(_: str) -> str | None:
                    return next(known)

                return await Ledger(session, token).labels("team", "churn", QUESTION), shown
        finally:
            await runner.cleanup()

    return asyncio.run(ask())


async def well(request: web.Request) -> web.Response:
    assert await request.json() == ledger.body(QUESTION)
    return web.json_response(ANSWER)


def test_a_ledger_is_asked_at_its_namespace_s_service_with_its_token() -> None:
    labels, shown = asked(well, ["t"])

    assert labels == ledger.parse(ANSWER, QUESTION)
    assert shown == ["contender-ledger.team.svc /evidence/churn Bearer t"]


def test_a_token_that_is_refused_is_read_anew() -> None:
    async def choosy(request: web.Request) -> web.Response:
        new = request.headers["authorization"] == "Bearer new"
        return web.json_response(ANSWER) if new else web.Response(status=401)

    _, shown = asked(choosy, ["old", "new"])

    assert [each.rpartition(" ")[2] for each in shown] == ["old", "new"]


def test_a_token_that_is_refused_twice_is_silence() -> None:
    async def never(_: web.Request) -> web.Response:
        return web.Response(status=401)

    with pytest.raises(Unauthorised):
        asked(never, ["old", "new"])


def test_without_a_token_there_is_silence() -> None:
    with pytest.raises(Silent, match="no token"):
        asked(well, [None])


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"windows": []}', b'{"windows": [{}, {}]}', b"x" * (ledger.MOST_BYTES + 1)],
    ids=["nothing", "a list", "no windows", "too few", "no variants", "too long"],
)
def test_an_answer_that_cannot_be_read_is_silence(body: bytes) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    with pytest.raises(Silent):
        asked(odd, ["t"])


def test_a_failure_is_silence() -> None:
    async def failing(_: web.Request) -> web.Response:
        return web.Response(status=503)

    with pytest.raises(Silent):
        asked(failing, ["t"])

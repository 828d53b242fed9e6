import json
import math
import random
from itertools import accumulate, repeat, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.api import Guardrail, Measure
from contender.observation import Counters, Route, RouterPod
from contender.rollout import evalues
from contender.rollout.comparison import Pair
from contender.rollout.counting import Count, Dropped
from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.ratio import WORSE, fine

BOTH = Guardrail(Measure.ERRORS, None, 1.25, 0.001)
RATIO = Guardrail(Measure.ERRORS, None, 1.25, None)
ABSOLUTE = Guardrail(Measure.ERRORS, None, None, 0.001)
SLOW = Guardrail(Measure.LATENCY, "250ms", 2, 0.01)
GUARDRAILS = st.sampled_from([BOTH, RATIO, ABSOLUTE, SLOW, Guardrail(Measure.ERRORS, None, 1, 0.2)])

unhurried = settings(deadline=None)  # a busy machine fails no test


@st.composite
def counts(draw: st.DrawFn, most: int = 500) -> Count:
    exposures = draw(st.integers(0, most))
    return Count(draw(st.integers(0, exposures)), exposures)


def of(guardrail: Guardrail, champion: tuple[int, int], challenger: tuple[int, int]) -> MeasureEvidence:
    return MeasureEvidence(guardrail).absorb(Count(*champion), Count(*challenger))


def drawn(dice: random.Random, of: int, rate: float) -> int:
    """A binomial number of events, by the gaps between them."""
    gaps = accumulate(1 + int(math.log(1 - dice.random()) / math.log1p(-rate)) for _ in repeat(None))
    return sum(1 for _ in takewhile(lambda position: position <= of, gaps))


def binomial(of: int, rate: float) -> list[float]:
    return [math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(of + 1)]


# Reference values, by the textbook's formula or by hand.


@unhurried
@given(counts(), st.floats(0.001, 0.9), st.sampled_from(evalues.ABOVE.factors + evalues.RARE.factors))
def test_the_likelihood_ratio_is_the_textbooks(count: Count, q: float, factor: float) -> None:
    odds = q / (1 - q)
    p = odds * factor / (1 + odds * factor)
    failures = count.exposures - count.events
    textbook = count.events * math.log(p / q) + failures * math.log((1 - p) / (1 - q))

    assert evalues.log_likelihood_ratio(count.events, count.exposures, odds, factor) == pytest.approx(
        textbook, abs=1e-6
    )


@pytest.mark.parametrize(
    "bets", [WORSE, evalues.LARGER, evalues.ABOVE, evalues.SMALLER, evalues.RARE, fine(1.25), fine(1)]
)
def test_the_whole_of_each_bet_is_laid(bets: evalues.Mixture) -> None:
    assert math.fsum(bets.parts) == pytest.approx(1)
    assert len(bets.parts) == len(bets.factors)
    assert bets.log_mean((0.0,) * len(bets.factors)) == pytest.approx(0)


def test_without_an_event_three_quarters_of_the_bet_against_the_bound_grow_nearly_as_its_inverse() -> None:
    """At a rate of `below`, 4,000 requests without an event have the chance 0.999**4000, at a hundredth of it 1."""
    alone = 0.75 * (0.999**-4000) ** 0.99

    assert alone < math.exp(evalues.log_below(0, 4000, 0.001)) < 1.4 * alone


def test_one_event_on_the_challenger_alone_by_hand() -> None:
    """Equal exposures, tolerated ratio 1.25: q = 5/9, and each alternative r says 1.25 r / (1 + 1.25 r)."""
    bets = zip(WORSE.factors, WORSE.parts, strict=True)
    expected = sum(part * 1.25 * r / (1 + 1.25 * r) / (5 / 9) for r, part in bets)

    assert of(RATIO, (0, 100), (1, 100)).breach() == pytest.approx(expected, rel=1e-5)


def test_one_event_on_the_champion_alone_by_hand() -> None:
    """Three quarters of the bet are on an equal challenger, which says 1/2."""
    others = sum(1 / (1 + 1.25 * r) / (4 / 9) for r in evalues.SMALLER.factors) / 8
    expected = 0.75 * (1 / 2) / (4 / 9) + 0.25 * others

    assert of(RATIO, (1, 100), (0, 100)).proof() == pytest.approx(expected, rel=1e-5)


def test_breach_is_the_lesser_and_proof_the_mean_of_the_two_bounds() -> None:
    seen = (2, 3000), (9, 1000)
    both, ratio, absolute = (of(guardrail, *seen) for guardrail in (BOTH, RATIO, ABSOLUTE))

    assert both.breach() == min(ratio.breach(), absolute.breach())
    assert both.proof() == pytest.approx((ratio.proof() + absolute.proof()) / 2)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5, 0.9])
def test_against_a_rate_on_the_bound_the_expected_e_value_is_one(rate: float) -> None:
    chances = binomial(60, rate)
    above = math.fsum(chance * math.exp(evalues.log_above(k, 60, rate)) for k, chance in enumerate(chances))
    below = math.fsum(chance * math.exp(evalues.log_below(k, 60, rate)) for k, chance in enumerate(chances))

    assert (above, below) == pytest.approx((1, 1))


@pytest.mark.parametrize("exposures", [(20, 20), (57, 3), (3, 1), (1, 3)])
@pytest.mark.parametrize("tolerated", [1, 1.25, 2])
@pytest.mark.parametrize("rate", [0.004, 0.1, 0.45])
def test_with_the_ratio_on_the_bound_no_e_value_is_expected_to_gain(
    exposures: tuple[int, int], tolerated: float, rate: float
) -> None:
    """Exact, over all outcomes: also where rates are great and the events are not quite Poisson's."""
    guardrail = Guardrail(Measure.ERRORS, None, tolerated, None)
    breach = proof = 0.0
    for theirs, their_chance in enumerate(binomial(exposures[0], rate)):
        for ours, our_chance in enumerate(binomial(exposures[1], rate * tolerated)):
            measure = of(guardrail, (theirs, exposures[0]), (ours, exposures[1]))
            breach += their_chance * our_chance * measure.breach()
            proof += their_chance * our_chance * measure.proof()

    assert breach <= 1.0001
    assert proof <= 1.0001


def test_the_interval_is_where_the_beta_mixture_refutes_no_rate() -> None:
    """No event in n: the mixture is 1 / (n + 1) over (1 - p)^n, which reaches 20 at p = 1 - (20 (n + 1))^(-1/n)."""
    reached = 1 - (20 * 101) ** (-1 / 100)

    assert evalues.interval(0, 100, 0.95) == pytest.approx((0, reached), rel=1e-5)
    assert evalues.interval(100, 100, 0.95) == pytest.approx((1 - reached, 1), rel=1e-5)
    assert evalues.interval(0, 0, 0.95) == (0, 1)


@pytest.mark.parametrize(
    ("events", "of", "log"),
    [
        (0, 10, 4.533576533),
        (7, 10, -0.253915210),
        (60, 100, -0.090964878),
        (65, 100, 2.438984340),
        (540, 1000, -0.028621823),
        (5200, 10000, 3.621880284),
    ],
)
def test_the_beta_mixture_is_the_one_of_a_published_implementation(events: int, of: int, log: float) -> None:
    """confseq 0.0.11 (Howard et al.), beta_binomial_log_mixture(k - n / 2, n / 4, v_opt, 1/2, 1/2, 0.05, two-sided).

    With v_opt = 5.952115951303 its mixture is even over all rates, as Robbins' is.
    """
    assert evalues.log_against(events, of, 0.5) == pytest.approx(log, abs=1e-8)


@pytest.mark.parametrize(
    ("of", "bound"),
    [(10, 9.385339), (100, 65.881337), (1000, 555.757820), (10_000, 5192.017061), (100_000, 50652.926262)],
)
def test_a_half_is_refuted_from_the_count_on_that_a_published_implementation_gives(of: int, bound: float) -> None:
    """confseq 0.0.11, n / 2 + beta_binomial_mixture_bound(n / 4, 0.05, v_opt, 1/2, 1/2, 0.05, two-sided)."""
    within, over = math.floor(bound), math.ceil(bound)

    assert evalues.interval(within, of, 0.95)[0] <= 0.5 < evalues.interval(over, of, 0.95)[0]


@unhurried
@given(counts(), st.floats(0.5, 0.999))
def test_the_interval_holds_the_estimate(count: Count, confidence: float) -> None:
    lower, upper = evalues.interval(count.events, count.exposures, confidence)

    assert 0 <= lower <= (count.rate or 0) <= upper <= 1


# What holds for all evidence.


@unhurried
@given(GUARDRAILS, counts(), counts(), st.integers(2, 6))
def test_batching_intervals_of_equal_exposures_changes_no_e_value(
    guardrail: Guardrail, champion: Count, challenger: Count, parts: int
) -> None:
    apart = MeasureEvidence(guardrail)
    for _ in range(parts):
        apart = apart.absorb(champion, challenger)
    together = list(accumulate([Pair(champion, challenger)] * parts))[-1]
    at_once = MeasureEvidence(guardrail).absorb(together.champion, together.challenger)

    assert math.log(apart.breach() + 1e-12) == pytest.approx(math.log(at_once.breach() + 1e-12), abs=0.05)
    assert math.log(apart.proof() + 1e-12) == pytest.approx(math.log(at_once.proof() + 1e-12), abs=0.05)


@unhurried
@given(GUARDRAILS, counts(), counts())
def test_one_more_event_on_the_challenger_never_weakens_a_breach_or_strengthens_a_proof(
    guardrail: Guardrail, champion: Count, challenger: Count
) -> None:
    challenger = challenger + Count(0, 1)
    fewer = MeasureEvidence(guardrail).absorb(champion, challenger)
    more = MeasureEvidence(guardrail).absorb(champion, challenger + Count(1, 0))

    assert more.breach() >= fewer.breach() * (1 - 1e-4)
    assert more.proof() <= fewer.proof() * (1 + 1e-4)


@unhurried
@given(GUARDRAILS, st.lists(st.tuples(counts(), counts()), min_size=1, max_size=8))
def test_evidence_that_went_through_the_trial_object_goes_on_with_the_same_numbers(
    guardrail: Guardrail, seen: list[tuple[Count, Count]]
) -> None:
    kept = restored = MeasureEvidence(guardrail)
    for champion, challenger in seen:
        kept = kept.absorb(champion, challenger)
        restored = MeasureEvidence.parse(json.loads(json.dumps(restored.dump(0.95))), guardrail)
        restored = restored.absorb(champion, challenger)

    assert restored == kept


@unhurried
@given(st.lists(st.integers(1, 100), min_size=2, max_size=10))
def test_a_breach_grows_while_only_the_challenger_errs(errors: list[int]) -> None:
    measure, breaches = MeasureEvidence(BOTH), []
    for events in errors:
        measure = measure.absorb(Count(0, 300), Count(events, 100))
        breaches.append(measure.breach())

    assert breaches == sorted(breaches)


@unhurried
@given(GUARDRAILS, counts(10**9), counts(10**9))
def test_no_evidence_is_too_great_for_the_trial_object(
    guardrail: Guardrail, champion: Count, challenger: Count
) -> None:
    dumped = MeasureEvidence(guardrail).absorb(champion, challenger).dump(0.95)

    assert json.loads(json.dumps(dumped, allow_nan=False)) == dumped
    assert 0 <= dumped["breach"] <= 1e12
    assert 0 <= dumped["proof"] <= 1e12


@unhurried
@given(counts(), counts(), st.sampled_from(WORSE.factors), st.floats(0.05, 20))
def test_the_ratio_test_is_the_same_seen_from_either_variant(
    one: Count, other: Count, factor: float, odds: float
) -> None:
    """Swapped, the odds turn over, and a greater ratio is a smaller one."""
    events = one.events + other.events
    forth = evalues.log_likelihood_ratio(one.events, events, odds, factor)
    back = evalues.log_likelihood_ratio(other.events, events, 1 / odds, 1 / factor)

    assert forth == pytest.approx(back, abs=1e-7)


@unhurried
@given(counts(), counts())
def test_whoever_is_called_the_champion_the_ratio_s_bounds_are_the_same_seen_from_the_other_side(
    one: Count, other: Count
) -> None:
    forth, back = Pair(one, other).ratio_interval(0.95), Pair(other, one).ratio_interval(0.95)

    if forth and back:
        assert back == pytest.approx((1 / forth[1], 1 / forth[0]), rel=1e-4)


@pytest.mark.parametrize("looks", [1, 4, 30])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_however_the_requests_are_cut_into_looks_few_trials_on_the_bound_reach_a_verdict(
    looks: int, share: float
) -> None:
    dice, runs, ours, theirs = random.Random(looks), 300, round(6000 * share / looks), round(6000 * (1 - share) / looks)
    breached = proved = 0
    for _ in range(runs):
        measure, breaches, proofs = MeasureEvidence(RATIO), [0.0], [0.0]
        for _ in range(looks):
            measure = measure.absorb(Count(drawn(dice, theirs, 0.01), theirs), Count(drawn(dice, ours, 0.0125), ours))
            breaches, proofs = [*breaches, measure.breach()], [*proofs, measure.proof()]
        breached, proved = breached + (max(breaches) >= 20), proved + (max(proofs) >= 20)

    assert breached / runs <= 0.05
    assert proved / runs <= 0.05


# Single behaviours.


def test_nothing_is_said_before_the_first_request() -> None:
    measure = MeasureEvidence(BOTH)

    assert (measure.breach(), measure.proof()) == pytest.approx((1, 1))
    assert measure.needed(0.95) is None
    assert "unknown" in measure.summary(0.95)


def test_an_interval_without_a_champion_adds_nothing_to_the_ratio_but_counts_against_the_bound() -> None:
    measure = of(BOTH, (0, 0), (50, 100))

    assert of(RATIO, (0, 0), (50, 100)).breach() == 1
    assert measure.trial == Pair(Count(0, 0), Count(50, 100))
    assert of(ABSOLUTE, (0, 0), (50, 100)).breach() > 20


def test_a_new_step_forgets_the_proof_and_keeps_the_breach() -> None:
    measure = of(BOTH, (0, 20_000), (0, 5_000)).absorb(Count(0, 100), Count(3, 100))
    stepped = measure.begin_step()

    assert stepped.proof() == 1
    assert stepped.breach() == measure.breach() != 1
    assert stepped.trial == measure.trial


def test_a_tolerated_ratio_of_one_can_be_proved_by_a_better_challenger() -> None:
    assert of(Guardrail(Measure.ERRORS, None, 1, None), (300, 10_000), (100, 10_000)).proof() > 20


@pytest.mark.parametrize(
    ("champion", "challenger"), [((40, 10_000), (19, 5_000)), ((0, 1_000), (0, 500)), ((0, 10_000), (2, 5_000))]
)
def test_what_is_needed_brings_the_proof_and_less_does_not(
    champion: tuple[int, int], challenger: tuple[int, int]
) -> None:
    measure = of(BOTH, champion, challenger)
    enough = 1 + (measure.needed(0.95) or math.nan) / challenger[1]

    def proof(times: float) -> float:
        grown = (Count(round(times * events), round(times * exposures)) for events, exposures in (champion, challenger))
        return MeasureEvidence(BOTH).absorb(*grown).proof()

    assert proof(0.8 * enough) < 20 < proof(1.2 * enough)


def test_nothing_is_needed_once_proved_and_no_number_will_do_for_a_worse_challenger() -> None:
    assert of(BOTH, (0, 10_000), (0, 10_000)).needed(0.95) == 0
    assert of(BOTH, (40, 10_000), (80, 10_000)).needed(0.95) is None


def test_the_summary_names_both_rates_and_the_ratio_with_its_interval() -> None:
    summary = of(BOTH, (15, 1530), (52, 510)).summary(0.95)

    assert summary == "challenger 10.2 % (52 of 510) against 0.98 % (15 of 1,530), ratio 10.4 [4.36, 29.2]"


def test_without_an_event_of_the_champion_the_summary_bounds_the_challengers_rate() -> None:
    measure = of(BOTH, (0, 300), (10, 100))
    summary = measure.summary(0.95)

    assert summary.startswith("challenger 10 % (10 of 100) against 0 % (0 of 300), challenger's between ")
    assert measure.trial.ratio_interval(0.95) is None


def test_a_guardrail_is_named_with_its_bound_of_time() -> None:
    assert MeasureEvidence(SLOW).name == "latency over 250ms"
    assert MeasureEvidence(BOTH).name == "errors"


# All guardrails of a trial together.


def pod(uptime: float, share: int, champion: Counters, challenger: Counters) -> RouterPod:
    counters = {"champion": champion, "challenger": challenger}
    return RouterPod(
        "r", "uid", uptime, True, Route("champion", "challenger", share), frozenset(counters), {}, counters
    )


def test_each_guardrail_sees_its_own_counts_and_a_new_process_goes_on_where_the_last_one_stopped() -> None:
    looks = [
        pod(10, 25, Counters(), Counters()),
        pod(
            15, 25, Counters(300, timed=300, faster={0.25: 300}), Counters(100, errors=4, timed=100, faster={0.25: 90})
        ),
        pod(
            20, 25, Counters(600, timed=600, faster={0.25: 599}), Counters(200, errors=9, timed=200, faster={0.25: 180})
        ),
    ]
    guardrails = (BOTH, SLOW)
    restored = Evidence.parse({}, guardrails)
    for seen in looks:
        restored = restored.absorb([seen], "champion", "challenger", 25)
        restored = Evidence.parse(json.loads(json.dumps(restored.dump(0.95))), guardrails)

    errors, slow = restored.measures
    assert errors.trial == Pair(Count(0, 600), Count(9, 200))
    assert slow.trial == Pair(Count(1, 600), Count(20, 200))
    assert restored.challenger_requests == 200


def test_what_was_dropped_is_counted_over_the_trial() -> None:
    evidence = Evidence.begin([BOTH])
    for share in (5, 25, 5, 25):
        evidence = evidence.absorb([pod(10, share, Counters(), Counters())], "champion", "challenger", share)

    assert evidence.dropped == {Dropped.STRADDLING: 3}
    assert evidence.begin_step().cursors == evidence.cursors
    assert Evidence.parse(json.loads(json.dumps(evidence.dump(0.95))), [BOTH]) == evidence

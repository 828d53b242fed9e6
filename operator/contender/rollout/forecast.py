"""How long a trial will take with given traffic, and what it would catch: foretold, and not discovered. Pure.

Everything is asked of the evidence itself: it takes in the counts that the traffic would bring, an unlucky fifth of
trials left aside, and tells its e-values. So what is foretold comes true in about four of five trials, or sooner, since
a verdict may come at any look before. Requests that are slow by a quantile, and challengers that must be better, are
not foretold: that depends on more than a share of bad requests.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

from contender.api import Guardrail, TrialRules, seconds
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import TOLD
from contender.rollout.wording import duration, number, percent

CHANCE = 0.8  # that what is foretold comes true
UNLUCKY = NormalDist().inv_cdf(CHANCE)  # standard deviations
FARTHEST = 1e12  # requests: what needs more never comes
LOOSER = (1.5, 2.0, 3.0, 5.0)  # bounds to try for `noWorseThan` when the written one takes too long


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes: requests a second, and of the champion's answers the bad share for each measure, by its name."""

    requests: float
    bad: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Catch:
    """The least bad share of a challenger that is rejected by the end of a soak; None when not even 1 is."""

    measure: str
    champion: float
    least: float | None


@dataclass(frozen=True, slots=True)
class Proof:
    """The challenger's requests that prove a measure at the last share, if it is as good as the champion."""

    measure: str
    requests: float | None  # None: never
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Step:
    name: str  # `25 %`, or `shadow`
    seconds: float | None  # None: for ever
    requests: float | None  # of both variants
    catches: tuple[Catch, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """Requests that reach each variant in a time of the trial."""

    name: str
    seconds: float
    theirs: float
    ours: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foretold of a trial whose challenger is as good as the champion, and of worse ones."""

    traffic: Traffic
    steps: tuple[Step, ...]  # the shadow among them
    proofs: tuple[Proof, ...]  # at the last step
    unforeseen: tuple[str, ...]  # measures of which nothing is foretold
    timeout: float  # seconds
    advice: str | None  # what to change, when it takes longer than `timeout`

    @property
    def seconds(self) -> float | None:
        """Of the whole trial, from the first request or copy on; None when it never ends."""
        times = [step.seconds for step in self.steps]
        return None if None in times else math.fsum(time for time in times if time is not None)

    @property
    def requests(self) -> float | None:
        """Of both variants, in all of the trial."""
        return None if self.seconds is None else self.seconds * self.traffic.requests

    @property
    def in_time(self) -> bool:
        return self.seconds is not None and self.seconds <= self.timeout


def forecast(rules: TrialRules, traffic: Traffic) -> Forecast:
    """Raises ValueError when there are no requests, or a share is none."""
    if traffic.requests <= 0 or not all(0 <= bad < 1 for bad in traffic.bad.values()):
        raise ValueError("a forecast needs more than 0 requests a second, and bad shares from 0 to under 1")
    measures, stages = _foretold(rules), tuple(_stages(rules, traffic.requests))
    proofs = tuple(_proof(measure, rules, traffic) for measure in measures)
    passed = (stages[: number + 1] for number in range(len(stages)))
    steps = [_step(so_far, rules, traffic, measures) for so_far in passed]
    last = _until_proved(steps[-1], proofs, traffic)
    names = {measure.name for measure in measures}
    unforeseen = tuple(measure.name for measure in _all(rules) if measure.name not in names)
    known = Forecast(traffic, (*steps[:-1], last), proofs, unforeseen, seconds(rules.timeout), None)
    return known if known.in_time else replace(known, advice=_advice(rules, traffic, known))


def sentence(known: Forecast, rules: TrialRules) -> str:
    """The forecast for people."""
    bad = _some([f"{name} {percent(share)}" for name, share in known.traffic.bad.items()])
    whole = f"about {duration(known.seconds)} and {number(known.requests)} requests"
    begin = f"{whole} at {known.traffic.requests:.3g} requests/s, if the challenger is as good as the champion ({bad})"
    late = f"that is longer than timeout: {rules.timeout}; {known.advice}" if known.advice else ""
    open_ = f"not foretold: {', '.join(known.unforeseen)}" if known.unforeseen else ""
    return "; ".join(filter(None, [begin, late, *map(_step_sentence, known.steps), open_]))


def _step_sentence(step: Step) -> str:
    caught = [f"{catch.measure} from {percent(catch.least)} on" for catch in step.catches if catch.least is not None]
    return f"{step.name}: {duration(step.seconds)}, catches {_some(caught) or 'nothing'} in its soak"


def _some(told: list[str]) -> str:
    """A forecast goes into an Event and into the Trial, where room is scarce; `contender plan` has all."""
    more = [f"{len(told) - TOLD} more"] if len(told) > TOLD else []
    return ", ".join([*told[:TOLD], *more])


def _all(rules: TrialRules) -> list[MeasureEvidence]:
    guarded = [MeasureEvidence(guardrail) for guardrail in rules.guardrails]
    return [*guarded, *(MeasureEvidence(objective, objective=True) for objective in rules.objectives)]


def _foretold(rules: TrialRules) -> list[MeasureEvidence]:
    asked = (measure for measure in _all(rules))
    return [measure for measure in asked if measure.guardrail.quantile is None and not measure.guardrail.better]


def _stages(rules: TrialRules, requests: float) -> Iterator[_Stage]:
    """The shadow, where there is one, then each share's soak. What single answers tell in the shadow comes on top."""
    if rules.shadow is not None:
        length = seconds(rules.shadow.duration)
        yield _Stage("shadow", length, requests * length, requests * length * rules.shadow.percent / 100)
    for share in rules.steps:
        soak = seconds(rules.soak)
        yield _Stage(f"{share} %", soak, requests * soak * (100 - share) / 100, requests * soak * share / 100)


def _step(stages: tuple[_Stage, ...], rules: TrialRules, traffic: Traffic, measures: list[MeasureEvidence]) -> Step:
    """The last of `stages`; evidence is that of all of them."""
    bar = len(rules.guardrails) / (1 - rules.confidence)
    guarded = [measure for measure in measures if not measure.objective]
    catches = tuple(_catch(measure, bar, traffic.bad.get(measure.name, 0.0), stages) for measure in guarded)
    this = stages[-1]
    return Step(this.name, this.seconds, this.seconds * traffic.requests, catches)


def _until_proved(last: Step, proofs: tuple[Proof, ...], traffic: Traffic) -> Step:
    """The last step goes on until everything is proved."""
    times = [last.seconds, *(proof.seconds for proof in proofs)]
    longest = None if None in times else max(time for time in times if time is not None)
    return replace(last, seconds=longest, requests=None if longest is None else longest * traffic.requests)


def _catch(measure: MeasureEvidence, bar: float, champion: float, stages: tuple[_Stage, ...]) -> Catch:
    sent = math.fsum(stage.ours for stage in stages)

    def caught(bad: float) -> bool:
        luck, seen = _unlucky(-1, bad * sent) / sent, measure
        for stage in stages:
            seen = seen.absorb(_count(champion * stage.theirs, stage.theirs), _count(luck * stage.ours, stage.ours))
        return seen.breach() >= bar

    fine = _greatest_that_is_fine(measure.guardrail, champion)
    return Catch(measure.name, champion, _least(caught, fine) if fine < 1 and caught(1.0) else None)


def _proof(measure: MeasureEvidence, rules: TrialRules, traffic: Traffic) -> Proof:
    bad, share, bar = traffic.bad.get(measure.name, 0.0), rules.steps[-1] / 100, 1 / (1 - rules.confidence)

    def proved(ours: float) -> bool:
        theirs = ours * (1 - share) / share
        challenger = _unlucky(1, bad * ours, 1 - share)
        champion = bad * (ours + theirs) - challenger  # of all that happens, more falls on the challenger
        return measure.absorb(_count(champion, theirs), _count(challenger, ours)).proof() >= bar

    if not proved(FARTHEST):
        return Proof(measure.name, None, None)
    needed = math.ceil(_least(proved, 1.0, FARTHEST))
    return Proof(measure.name, needed, needed / share / traffic.requests)


def _advice(rules: TrialRules, traffic: Traffic, known: Forecast) -> str:
    """What would bring the proof in time: a longer timeout, or a looser bound for what takes longest."""
    slowest = max(known.proofs, key=lambda proof: math.inf if proof.seconds is None else proof.seconds)
    mends = [_looser(rules, traffic, slowest.measure, known)]
    if known.seconds is not None:
        mends.insert(0, f"timeout: {math.ceil(known.seconds / 3600)}h")
    if rules.steps[-1] < 50:
        mends.append("a last step of 50")
    return f"{slowest.measure} takes longest; write {', or '.join(mend for mend in mends if mend)}"


def _looser(rules: TrialRules, traffic: Traffic, slowest: str, known: Forecast) -> str:
    """The tightest `noWorseThan` of those tried that is proved in time; else a `below` over the champion's share."""
    room = known.timeout - math.fsum(step.seconds or 0.0 for step in known.steps[:-1])
    measure = next(measure for measure in _foretold(rules) if measure.name == slowest)
    for ratio in LOOSER:
        looser = replace(measure, guardrail=replace(measure.guardrail, no_worse_than=ratio))
        time = _proof(looser, rules, traffic).seconds
        if ratio > (measure.guardrail.no_worse_than or 1) and time is not None and time <= room:
            return f"noWorseThan: {ratio:g} for {slowest}"
    return f"below: {_rounded(min(2 * traffic.bad.get(slowest, 0.0) or 0.01, 0.99)):g} for {slowest}"


def _greatest_that_is_fine(guardrail: Guardrail, champion: float) -> float:
    return max(guardrail.below or 0.0, (guardrail.no_worse_than or 0.0) * champion, 1e-9)


def _least(holds: Callable[[float], bool], low: float, high: float = 1.0) -> float:
    """The least value, to one in a hundred, from which on something holds that holds at `high`."""
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _unlucky(sign: int, mean: float, spread: float = 1.0) -> float:
    """How many events there are instead of their mean when luck is against one: more of them (1), or fewer (-1)."""
    return max(0.0, mean + sign * UNLUCKY * math.sqrt(spread * mean))


def _count(events: float, exposures: float) -> Count:
    whole = round(exposures)
    return Count(min(round(max(events, 0.0)), whole), whole)


def _rounded(number: float) -> float:
    return float(f"{number:.2g}")

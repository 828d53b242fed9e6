"""How long a trial will take with given traffic, and what it would catch: foretold, and not discovered. Pure.

Everything is asked of the evidence itself: it takes in the counts that the traffic would bring (`prospects`), and tells
its e-values. So what is foretold comes true in about four of five trials, or sooner, since a verdict may come at any
look before. A quantile is foretold where the champion's times are known. Of a challenger that must be better it is
foretold how much better it has to be for its proof to come in time.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contender.api import TrialRules, seconds
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.prospects import Prospect, Quantile, Sent, Share, count, least, unlucky
from contender.rollout.rules import TOLD
from contender.rollout.times import Times
from contender.rollout.wording import duration, number, percent

NEARLY_ALL = 0.999  # as bad as a champion is taken to be
FARTHEST = 1e12  # requests: what needs more never comes
LOOSER = (1.5, 2.0, 3.0, 5.0)  # bounds to try for `noWorseThan` when the written one takes too long
FARTHEST_BETTER = 1000.0  # times as few bad answers as the champion's: no more is asked for


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes: requests a second, and how the champion answers, each measure by its name."""

    requests: float
    bad: Mapping[str, float]  # shares
    times: Mapping[str, Times] = field(default_factory=dict)  # for quantiles
    labels: Mapping[str, float] = field(default_factory=dict)  # a second, of both variants, for what labels tell

    def of(self, measure: MeasureEvidence) -> float | None:
        """Exposures a second of both variants together; None when they are labels, and nobody knows how they come."""
        return self.labels.get(measure.name) if measure.labelled else self.requests


@dataclass(frozen=True, slots=True)
class Catch:
    """The least bad share, or quantile in seconds, of a challenger that is rejected by the end of a soak."""

    measure: str
    champion: float
    least: float | None  # None when none is
    told: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Proof:
    """The challenger's requests, or labels, that prove a measure at the last share, if it is as good."""

    measure: str
    requests: float | None  # None: never
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Better:
    """The greatest bad share of a challenger that is proved to be better within `timeout`."""

    measure: str
    champion: float
    most: float | None  # None when none is


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
    sent: Sent


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foretold of a trial whose challenger is as good as the champion, and of others."""

    usual: tuple[str, ...]  # how the champion answers, for people
    requests_per_second: float
    steps: tuple[Step, ...]  # the shadow among them
    proofs: tuple[Proof, ...]  # at the last step
    betters: tuple[Better, ...]  # what must be better
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
        return None if self.seconds is None else self.seconds * self.requests_per_second

    @property
    def in_time(self) -> bool:
        return self.seconds is not None and self.seconds <= self.timeout


def forecast(rules: TrialRules, traffic: Traffic) -> Forecast:
    """Raises ValueError when there are no requests, or a share is none."""
    if traffic.requests <= 0 or not all(0 <= bad < 1 for bad in traffic.bad.values()):
        raise ValueError("a forecast needs more than 0 requests a second, and bad shares from 0 to under 1")
    found, stages = _prospects(rules, traffic), tuple(_stages(rules, traffic.requests))
    proofs = tuple(_proof(each, rules, traffic) for each in found)
    passed = (stages[: number + 1] for number in range(len(stages)))
    steps = [_step(so_far, rules, traffic.requests, found) for so_far in passed]
    betters = tuple(_betters(rules, traffic, steps))
    foreseen = {each.measure.name for each in found} | {each.measure for each in betters}
    known = Forecast(
        usual=tuple(f"{each.measure.name} {each.told(each.usual)}" for each in found),
        requests_per_second=traffic.requests,
        steps=(*steps[:-1], _until_proved(steps[-1], proofs, traffic.requests)),
        proofs=proofs,
        betters=betters,
        unforeseen=tuple(measure.name for measure in _all(rules) if measure.name not in foreseen),
        timeout=seconds(rules.timeout),
        advice=None,
    )
    return known if known.in_time else replace(known, advice=_advice(rules, known, found, traffic))


def bad_share(seen: Count) -> float:
    """Of what was seen of a champion, for `Traffic.bad`: under 1, and 0 before the first exposure."""
    return min(seen.rate or 0.0, NEARLY_ALL)


def sentence(known: Forecast, rules: TrialRules) -> str:
    """The forecast for people."""
    whole = f"about {duration(known.seconds)} and {number(known.requests)} requests"
    as_good = f"if the challenger is as good as the champion ({_some(known.usual)})"
    begin = f"{whole} at {known.requests_per_second:.3g} requests/s, {as_good}"
    late = f"that is longer than timeout: {rules.timeout}; {known.advice}" if known.advice else ""
    open_ = f"not foretold: {', '.join(known.unforeseen)}" if known.unforeseen else ""
    steps, betters = map(_step_sentence, known.steps), map(better_sentence, known.betters)
    return "; ".join(filter(None, [begin, late, *steps, *betters, open_]))


def better_sentence(better: Better) -> str:
    """`objective errors: at most 0.21 % is proved better in time`."""
    if better.most is None:
        return f"{better.measure}: nothing is proved better than {percent(better.champion)} in time"
    return f"{better.measure}: at most {percent(better.most)} is proved better than {percent(better.champion)} in time"


def _step_sentence(step: Step) -> str:
    known = [(catch, catch.least) for catch in step.catches if catch.least is not None]
    caught = [f"{catch.measure} from {catch.told(bad)} on" for catch, bad in known]
    return f"{step.name}: {duration(step.seconds)}, catches {_some(caught) or 'nothing'} in its soak"


def _some(told: Sequence[str]) -> str:
    """A forecast goes into an Event and into the Trial, where room is scarce; `contender plan` has all."""
    more = [f"{len(told) - TOLD} more"] if len(told) > TOLD else []
    return ", ".join([*told[:TOLD], *more])


def _all(rules: TrialRules) -> list[MeasureEvidence]:
    guarded = [MeasureEvidence(guardrail) for guardrail in rules.guardrails]
    return [*guarded, *(MeasureEvidence(objective, objective=True) for objective in rules.objectives)]


def _prospects(rules: TrialRules, traffic: Traffic) -> list[Prospect]:
    """Of what an equal challenger can prove, as far as the champion is known."""
    found: list[Prospect] = []
    for measure in _all(rules):
        if measure.labelled and traffic.of(measure) is None:
            continue
        if not measure.timed and not measure.guardrail.better:
            found.append(Share(measure, traffic.bad.get(measure.name, 0.0)))
        elif not measure.guardrail.better and measure.name in traffic.times:
            found.append(Quantile(measure, traffic.times[measure.name]))
    return found


def _stages(rules: TrialRules, requests: float) -> Iterator[_Stage]:
    """The shadow, where there is one, then each share's soak. What single answers tell in the shadow comes on top."""
    if rules.shadow is not None:
        length = seconds(rules.shadow.duration)
        yield _Stage("shadow", length, Sent(requests * length, requests * length * rules.shadow.percent / 100))
    for share in rules.steps:
        soak = seconds(rules.soak)
        sent = Sent(requests * soak * (100 - share) / 100, requests * soak * share / 100)
        yield _Stage(f"{share} %", soak, sent)


def _step(stages: tuple[_Stage, ...], rules: TrialRules, requests: float, prospects: list[Prospect]) -> Step:
    """The last of `stages`; evidence is that of all of them."""
    bar = len(rules.guardrails) / (1 - rules.confidence)
    sent = [stage.sent for stage in stages]
    guarded = (each for each in prospects if not (each.measure.objective or each.measure.labelled))  # labels are late
    catches = tuple(Catch(each.measure.name, each.usual, each.least_caught(sent, bar), each.told) for each in guarded)
    return Step(stages[-1].name, stages[-1].seconds, stages[-1].seconds * requests, catches)


def _until_proved(last: Step, proofs: tuple[Proof, ...], requests: float) -> Step:
    """The last step goes on until everything is proved."""
    times = [last.seconds, *(proof.seconds for proof in proofs)]
    longest = None if None in times else max(time for time in times if time is not None)
    return replace(last, seconds=longest, requests=None if longest is None else longest * requests)


def _proof(prospect: Prospect, rules: TrialRules, traffic: Traffic) -> Proof:
    name, share, bar = prospect.measure.name, rules.steps[-1] / 100, 1 / (1 - rules.confidence)
    rate = traffic.of(prospect.measure) or traffic.requests

    def proved(ours: float) -> bool:
        return prospect.as_good(Sent(ours * (1 - share) / share, ours)).proof() >= bar

    if not proved(FARTHEST):
        return Proof(name, None, None)
    needed = math.ceil(least(proved, 1.0, FARTHEST))
    return Proof(name, needed, needed / share / rate)


def _betters(rules: TrialRules, traffic: Traffic, steps: list[Step]) -> Iterator[Better]:
    """What is left of `timeout` at the last share is the time in which they have to be proved."""
    before = math.fsum(step.seconds or 0.0 for step in steps[:-1])
    left, share = max(seconds(rules.timeout) - before, 0.0), rules.steps[-1] / 100
    for measure in _all(rules):
        rate = traffic.of(measure)
        if measure.guardrail.better and not measure.timed and rate is not None:
            there, champion = left * rate, traffic.bad.get(measure.name, 0.0)
            most = _most_proved(measure, champion, Sent(there * (1 - share), there * share), rules.confidence)
            yield Better(measure.name, champion, most)


def _most_proved(measure: MeasureEvidence, champion: float, sent: Sent, confidence: float) -> float | None:
    def proved(times: float) -> bool:
        ours = unlucky(1, champion / times * sent.ours)
        seen = measure.absorb(count(champion * sent.theirs, sent.theirs), count(ours, sent.ours))
        return seen.proof() >= 1 / (1 - confidence)

    return champion / least(proved, 1.0, FARTHEST_BETTER) if champion and proved(FARTHEST_BETTER) else None


def _advice(rules: TrialRules, known: Forecast, prospects: list[Prospect], traffic: Traffic) -> str:
    """What would bring the proof in time: a longer timeout, or a looser bound for what takes longest."""
    slowest = max(known.proofs, key=lambda proof: math.inf if proof.seconds is None else proof.seconds)
    prospect = next(each for each in prospects if each.measure.name == slowest.measure)
    mends = [_looser(rules, prospect, known, traffic)]
    if known.seconds is not None:
        mends.insert(0, f"timeout: {math.ceil(known.seconds / 3600)}h")
    if rules.steps[-1] < 50:
        mends.append("a last step of 50")
    return f"{slowest.measure} takes longest; write {', or '.join(mends)}"


def _looser(rules: TrialRules, prospect: Prospect, known: Forecast, traffic: Traffic) -> str:
    """The tightest `noWorseThan` of those tried that is proved in time; else a bound that needs no champion."""
    room = known.timeout - math.fsum(step.seconds or 0.0 for step in known.steps[:-1])
    guardrail, name = prospect.measure.guardrail, prospect.measure.name
    for ratio in LOOSER:
        looser = replace(prospect, measure=replace(prospect.measure, guardrail=replace(guardrail, no_worse_than=ratio)))
        time = _proof(looser, rules, traffic).seconds
        if ratio > (guardrail.no_worse_than or 1) and time is not None and time <= room:
            return f"noWorseThan: {ratio:g} for {name}"
    return _absolute(prospect)


def _absolute(prospect: Prospect) -> str:
    name = prospect.measure.name
    if prospect.measure.timed:
        return f"latency with over and below in place of {name}"
    return f"below: {_rounded(min(2 * prospect.usual or 0.01, 0.99)):g} for {name}"


def _rounded(number: float) -> float:
    return float(f"{number:.2g}")

"""The evidence of a trial: counts per guardrail, and how strongly they speak for a breach or for a proof.

Everything a verdict needs is here and goes into the Trial's status, from which a new operator process goes on with the
very same numbers. For the arithmetic see `evalues`, for where the counts come from `counting`.

A challenger is fine on a guardrail when its rate is at most `below`, or at most `noWorseThan` times the champion's.

- Breach contradicts "it is fine", which is a union: under it at least one of the two bounds is kept, and the e-value
  against that bound is what the lesser of the two cannot exceed. So the lesser reaches 1/alpha with a chance of at most
  alpha (intersection-union test; Berger, Technometrics 24, 1982).
- Proof contradicts "it is not fine": then both bounds are broken, each of the two is an e-value, and so is their mean.

A breach is looked for in the whole trial, a proof in the present step only.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from contender.api import Guardrail, Json
from contender.observation import RouterPod
from contender.rollout import evalues
from contender.rollout.counting import Count, Cursor, Dropped, count, interval, narrowed
from contender.rollout.split import Sent, Split

NO_WORSE = (0.0,) * evalues.ALTERNATIVES
NO_BETTER = (0.0,) * (1 + evalues.ALTERNATIVES)
FARTHEST = 2.0**20  # times the step's evidence so far: as far as a projection goes


@dataclass(frozen=True, slots=True)
class Pair:
    """The two variants' counts over the same time."""

    champion: Count
    challenger: Count

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.champion + other.champion, self.challenger + other.challenger)

    @property
    def exposure_odds(self) -> float | None:
        """The challenger's exposures for each of the champion's; None while either has none."""
        champion, challenger = self.champion.exposures, self.challenger.exposures
        return challenger / champion if champion and challenger else None

    @property
    def ratio(self) -> float | None:
        """The challenger's rate for each of the champion's; None while that cannot be told."""
        ours, theirs = self.challenger.rate, self.champion.rate
        return ours / theirs if ours is not None and theirs else None

    def ratio_interval(self, confidence: float) -> tuple[float, float] | None:
        """Bounds of the ratio that hold at all looks together; None while it has no upper one.

        Of all events a part q falls on the challenger, with q / (1 - q) = exposure odds * ratio. Pooled over the counts
        given, so it takes the champion's rate to be the same at every share; the e-values do not.
        """
        odds, events = self.exposure_odds, self.champion.events + self.challenger.events
        if odds is None or not self.champion.events:
            return None
        ours = evalues.lower_limit(self.challenger.events, events, confidence)
        theirs = evalues.lower_limit(self.champion.events, events, confidence)
        return ours / (1 - ours) / odds, (1 - theirs) / theirs / odds

    @classmethod
    def parse(cls, raw: Json) -> Self:
        return cls(Count.parse(raw["champion"]), Count.parse(raw["challenger"]))

    def dump(self) -> dict[str, Any]:
        return {"champion": self.champion.dump(), "challenger": self.challenger.dump()}


NOTHING = Pair(Count(), Count())


@dataclass(frozen=True, slots=True)
class MeasureEvidence:
    """The evidence on one guardrail.

    `worse` and `better` are the ratio's log-likelihood ratios, one for each alternative: `worse` over the trial against
    "at most noWorseThan times", `better` over the step against "at least noWorseThan times". The first of `better` is
    for the alternative that is expected: a challenger just as good as the champion.
    """

    guardrail: Guardrail
    trial: Pair = NOTHING
    step: Pair = NOTHING
    worse: tuple[float, ...] = NO_WORSE
    better: tuple[float, ...] = NO_BETTER

    def absorb(self, champion: Count, challenger: Count) -> Self:
        """The evidence with the counts of one more interval in it."""
        seen = Pair(champion, challenger)
        return replace(
            self,
            trial=self.trial + seen,
            step=self.step + seen,
            worse=self._bet(self.worse, seen, evalues.LARGER),
            better=self._bet(self.better, seen, (self._expected, *evalues.SMALLER)),
        )

    def begin_step(self) -> Self:
        return replace(self, step=NOTHING, better=NO_BETTER)

    def breach(self) -> float:
        """E-value against "the challenger is fine", over the whole trial: the lesser of the bounds'."""
        count, bounds = self.trial.challenger, []
        if self.guardrail.no_worse_than is not None:
            bounds.append(evalues.log_mean(self.worse))
        if self.guardrail.below is not None:
            bounds.append(evalues.log_above(count.events, count.exposures, self.guardrail.below))
        return evalues.evalue(min(bounds))

    def proof(self) -> float:
        """E-value against "the challenger is not fine", over the present step: the mean of the bounds'."""
        return evalues.evalue(self._log_proof())

    def needed(self, confidence: float) -> int | None:
        """Challenger exposures still missing to the proof, if they are like the step's so far; None if they never do.

        All log-likelihood ratios grow in proportion to the evidence, so the e-value of `times` the evidence is a sum of
        exponentials: convex in `times`, 1 at none, and past the wanted value once and for all.
        """
        wanted, exposures = -math.log(1 - confidence), self.step.challenger.exposures
        if not exposures or self._log_proof(FARTHEST) < wanted:
            return None
        if self._log_proof() >= wanted:
            return 0
        short, enough = 1.0, FARTHEST
        while enough - short > 1e-3 * enough:
            middle = (short + enough) / 2
            short, enough = (short, middle) if self._log_proof(middle) >= wanted else (middle, enough)
        return math.ceil((enough - 1) * exposures)

    @property
    def name(self) -> str:
        """`errors`, or `latency over 250ms`."""
        over = self.guardrail.over
        return f"{self.guardrail.measure} over {over}" if over else str(self.guardrail.measure)

    def summary(self, confidence: float) -> str:
        """The trial's numbers for people. Their intervals hold at all looks together."""
        ratio, bounds = self.trial.ratio, self.trial.ratio_interval(confidence)
        rates = f"challenger {_percent(self.trial.challenger)} against {_percent(self.trial.champion)}"
        if ratio is None or bounds is None:
            return f"{rates}, challenger's between {_limits(self.trial.challenger, confidence)}"
        return f"{rates}, ratio {ratio:.3g} [{bounds[0]:.3g}, {bounds[1]:.3g}]"

    @classmethod
    def parse(cls, raw: Json, guardrail: Guardrail) -> Self:
        return cls(guardrail, Pair.parse(raw), Pair.parse(raw["step"]), tuple(raw["worse"]), tuple(raw["better"]))

    def dump(self, confidence: float) -> dict[str, Any]:
        """As the Trial's status shows it; what cannot be told yet is left out."""
        bounds = self.trial.ratio_interval(confidence)
        told = {
            "over": self.guardrail.over,
            "ratio": _compact(self.trial.ratio),
            "interval": bounds and [_compact(bound) for bound in bounds],
            "needed": self.needed(confidence),
        }
        return {
            "measure": str(self.guardrail.measure),
            **{name: value for name, value in told.items() if value is not None},
            **self.trial.dump(),
            "step": self.step.dump(),
            "breach": _compact(self.breach()),
            "proof": _compact(self.proof()),
            "worse": list(self.worse),
            "better": list(self.better),
        }

    @property
    def _expected(self) -> float:
        """The factor from `noWorseThan` to a ratio of 1, if that is an alternative at all."""
        tolerated = self.guardrail.no_worse_than or 1.0
        return evalues.SMALLER[0] if tolerated < evalues.LARGER[0] else 1 / tolerated

    def _bet(self, logs: tuple[float, ...], seen: Pair, factors: Sequence[float]) -> tuple[float, ...]:
        """The ratio test (event share; Lindon and Malek, NeurIPS 2022).

        If the challenger's rate is r times the champion's, each bad event falls on it with odds of r times the exposure
        odds, whatever the rates are. So neither a new share nor the time of day disturbs the test, if the exposures are
        those of the very interval. Rounded here and not when stored: what goes on from the Trial's status is the same.
        """
        odds, tolerated = seen.exposure_odds, self.guardrail.no_worse_than
        if odds is None or tolerated is None:
            return logs
        events, all_events = seen.challenger.events, seen.challenger.events + seen.champion.events
        return tuple(
            _rounded(log + evalues.log_likelihood_ratio(events, all_events, odds * tolerated, factor))
            for log, factor in zip(logs, factors, strict=True)
        )

    def _log_proof(self, times: float = 1.0) -> float:
        """ln of the proof's e-value, had the step brought `times` as much of the same."""
        count, bounds = self.step.challenger, []
        if self.guardrail.no_worse_than is not None:
            expected, *others = (times * log for log in self.better)
            bounds.append(evalues.log_bet(expected, others))
        if self.guardrail.below is not None:
            bounds.append(evalues.log_below(times * count.events, times * count.exposures, self.guardrail.below))
        return evalues.log_mean(bounds)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence of a trial: one `MeasureEvidence` for each guardrail, in their order."""

    measures: tuple[MeasureEvidence, ...]
    cursors: tuple[Cursor, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)  # why -> how often, over the trial
    split: Split = field(default_factory=Split)  # of the present step

    @classmethod
    def begin(cls, guardrails: Sequence[Guardrail]) -> Self:
        return cls(tuple(MeasureEvidence(guardrail) for guardrail in guardrails))

    def absorb(
        self, pods: Sequence[RouterPod], champion: str, challenger: str, share: int, *, by_user: bool = False
    ) -> Self:
        """The evidence after one more look at the router pods; `share` is the one that is judged, in percent.

        `by_user` says that users are split and not requests. What comes while the split is broken is no evidence, and
        what the step brought before is none of a proof.
        """
        guardrails = [measure.guardrail for measure in self.measures]
        heard = [narrowed(pod, guardrails) for pod in pods]
        seen, cursors, dropped = interval(self.cursors, heard, champion, challenger, share)
        sent = Sent(seen.champion.begun, seen.challenger.begun)
        after = replace(self.drop(dropped), cursors=cursors, split=self.split.absorb(sent, share, by_user=by_user))
        if after.split.problem:
            return after._begin_proof().drop({Dropped.SPLIT: 1})
        measures = tuple(
            measure.absorb(count(seen.champion, measure.guardrail), count(seen.challenger, measure.guardrail))
            for measure in after.measures
        )
        return replace(after, measures=measures)

    def drop(self, why: Mapping[str, int]) -> Self:
        """The evidence with a note of what was no evidence: why, and how often."""
        return replace(self, dropped=Counter(self.dropped) + Counter(why))

    def begin_step(self) -> Self:
        """Proof and split begin anew; cursors stay, since the counters run on."""
        return replace(self._begin_proof(), split=Split())

    def _begin_proof(self) -> Self:
        return replace(self, measures=tuple(measure.begin_step() for measure in self.measures))

    @property
    def challenger_requests(self) -> int:
        """What the challenger answered in the present step."""
        return max((measure.step.challenger.exposures for measure in self.measures), default=0)

    @classmethod
    def parse(cls, raw: Json, guardrails: Sequence[Guardrail]) -> Self:
        """`Trial.status.evidence`; from an empty one the evidence begins."""
        if not raw:
            return cls.begin(guardrails)
        pairs = zip(raw["measures"], guardrails, strict=True)
        measures = tuple(MeasureEvidence.parse(measure, guardrail) for measure, guardrail in pairs)
        split = Split.parse(raw["split"]) if "split" in raw else Split()
        return cls(measures, tuple(Cursor.parse(cursor) for cursor in raw["cursors"]), raw["dropped"], split)

    def dump(self, confidence: float) -> dict[str, Any]:
        """As `Trial.status.evidence` has it; `confidence` is the trial's."""
        return {
            "cursors": [cursor.dump() for cursor in self.cursors],
            "dropped": dict(self.dropped),
            "split": self.split.dump(),
            "measures": [measure.dump(confidence) for measure in self.measures],
        }


def _percent(count: Count) -> str:
    rate = "unknown" if count.rate is None else f"{100 * count.rate:.3g} %"
    return f"{rate} ({count.events:,} of {count.exposures:,})"


def _limits(count: Count, confidence: float) -> str:
    # Envoy's threads count on while it is read: an event may be seen before its exposure.
    lower, upper = evalues.interval(min(count.events, count.exposures), count.exposures, confidence)
    return f"{100 * lower:.3g} % and {100 * upper:.3g} %"


def _rounded(number: float) -> float:
    return float(f"{number:.6g}")


def _compact(number: float | None) -> float | None:
    return None if number is None else _rounded(number)

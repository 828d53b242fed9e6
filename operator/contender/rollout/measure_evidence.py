"""The evidence on one guardrail or objective: its counts, and how strongly they speak for a breach or for a proof.

A challenger is fine when its rate is at most `below`, or at most `noWorseThan` times the champion's; with `quantile` it
is a time, and only the latter. An objective is never breached, it only is to be proved.

- Breach contradicts "it is fine", which is a union: under it at least one of the two bounds is kept, and the e-value
  against that bound is what the lesser of the two cannot exceed. So the lesser reaches 1/alpha with a chance of at most
  alpha (intersection-union test; Berger, Technometrics 24, 1982).
- Proof contradicts "it is not fine": then both bounds are broken, each of the two is an e-value, and so is their mean.
- A better challenger (`better`) is proved against "its rate is at least `noWorseThan` times the champion's" alone: no
  share of its own shows that it is better.
- Pairs (`paired`) speak of the ratio like the ratio test does; the mean of the two e-values is an e-value.

A breach is looked for in the whole trial, a proof in the present step only: what was proved at 5 % of the load says
nothing about 50 %. Of labels a proof takes the whole trial too, since whether a model is right does not depend on the
load. They are counted by windows (`windows`), each compared within itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from contender.api import Guardrail, Json, seconds
from contender.ladder import EDGES
from contender.rollout import evalues, strata
from contender.rollout.comparison import NOTHING, Pair
from contender.rollout.counting import Count, Interval, count
from contender.rollout.paired import NO_PAIRS, Paired
from contender.rollout.quantile import NO_QUANTILES, QuantileTest, TimesPair
from contender.rollout.ratio import NO_RATIOS, RatioTest
from contender.rollout.times import Times

FARTHEST = 2.0**20  # times the step's evidence so far: as far as a projection goes
ENOUGH = 10  # new labels of each variant: of fewer it would tell most whose class came last


@dataclass(frozen=True, slots=True)
class MeasureEvidence:
    """The evidence on one guardrail or objective."""

    guardrail: Guardrail
    objective: bool = False
    trial: Pair = NOTHING
    step: Pair = NOTHING
    ratios: RatioTest = NO_RATIOS
    times: QuantileTest = NO_QUANTILES  # with `quantile` only
    pairs: Paired = NO_PAIRS
    windows: tuple[Pair, ...] = ()  # of labels only: each window's counts as far as they are taken in

    def take_in(self, seen: Interval) -> Self:
        """The evidence with the counters of one more interval in it."""
        if self.timed:
            return self.absorb_times(TimesPair(Times.of(seen.champion), Times.of(seen.challenger)))
        return self.absorb(count(seen.champion, self.guardrail), count(seen.challenger, self.guardrail))

    def absorb(self, champion: Count, challenger: Count) -> Self:
        """The evidence with the counts of one more interval in it."""
        seen, tolerated = Pair(champion, challenger), self._tolerated
        ratios = self.ratios if tolerated is None else self.ratios.absorb(seen, self.step, tolerated)
        trial, step = self.trial + seen, self.step + seen
        return type(self)(self.guardrail, self.objective, trial, step, ratios, self.times, self.pairs, self.windows)

    def absorb_times(self, seen: TimesPair) -> Self:
        """The evidence with the times of one more interval in it; none of them is bad by itself."""
        counts = Pair(Count(0, seen.champion.all), Count(0, seen.challenger.all))
        return replace(self, trial=self.trial + counts, step=self.step + counts, times=self.times.absorb(seen))

    def open_window(self, most: int) -> Self:
        """The evidence with one more window to count labels in; of `most` the oldest is closed for good."""
        return replace(self, windows=(*self.windows, NOTHING)[-most:]) if self.labelled else self

    def absorb_labels(self, window: int, counts: Pair) -> Self:
        """The evidence with all that labels tell of a window by now.

        It waits for enough of them of both variants, by their number alone and not by what they say. Where a count
        fell, labels were replaced: the counts follow, and nothing is bet on that interval.
        """
        before = self.windows[window]
        seen, tolerated = counts - before, self._tolerated
        fell = _fell(seen)
        if not fell and min(seen.champion.exposures, seen.challenger.exposures) < ENOUGH:
            return self
        ratios = self.ratios if fell or tolerated is None else self.ratios.absorb(seen, before, tolerated)
        windows = (*self.windows[:window], counts, *self.windows[window + 1 :])
        return replace(self, trial=self.trial + seen, step=self.step + seen, ratios=ratios, windows=windows)

    def corrects(self, window: int, counts: Pair) -> bool:
        """Whether labels that were taken in have been replaced since, or are gone."""
        return _fell(counts - self.windows[window])

    def absorb_pairs(self, pairs: Paired) -> Self:
        """The evidence with requests in it that both variants have answered."""
        return replace(self, pairs=self.pairs + pairs)

    def begin_step(self) -> Self:
        if self.labelled:
            return self
        return replace(self, step=NOTHING, ratios=self.ratios.begin_step(), times=self.times.begin_step())

    def breach(self) -> float:
        """E-value against "the challenger is fine", over the whole trial: the lesser of the bounds'."""
        if self.objective:
            return 0.0
        ours, bounds = self.trial.challenger, []
        if self._tolerated is not None:
            bounds.append(self._log_ratio_breach(self._tolerated))
        if self.guardrail.below is not None:
            bounds.append(evalues.log_above(ours.events, ours.exposures, self.guardrail.below))
        return evalues.evalue(min(bounds))

    def proof(self) -> float:
        """E-value against "the challenger is not fine", over the present step: the mean of the bounds'."""
        return evalues.evalue(self._log_proof())

    def needed(self, confidence: float) -> int | None:
        """Challenger exposures still missing to the proof, if they are like the step's so far; None if they never do.

        All log-likelihood ratios grow in proportion to the evidence, so the e-value of `times` the evidence is a sum of
        exponentials: convex in `times`, at most 1 at none, and past the wanted value once and for all.
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
    def labelled(self) -> bool:
        """Whether labels tell it, and not the routers' counters."""
        return self.guardrail.labelled

    @property
    def timed(self) -> bool:
        """Whether it is a quantile of times, and no share of bad requests."""
        return self.guardrail.quantile is not None

    @property
    def edges(self) -> Sequence[float]:
        """The edges of the routers' histograms that it reads, in seconds."""
        if self.timed:
            return EDGES
        return (seconds(self.guardrail.over),) if self.guardrail.over else ()

    @property
    def name(self) -> str:
        """`errors`, `latency over 250ms`, `latency p95`, `recall of fraud`; an objective says so."""
        return f"{'objective ' if self.objective else ''}{named(self.guardrail)}"

    def summary(self, confidence: float) -> str:
        """The trial's numbers for people. Their intervals hold at all looks together."""
        ratio, bounds = self._ratio(), self._ratio_interval(confidence)
        told = f", ratio {ratio:.3g} [{bounds[0]:.3g}, {bounds[1]:.3g}]" if ratio is not None and bounds else ""
        if self.guardrail.quantile is not None:
            return self.times.summary(self.guardrail.quantile, confidence) + told
        rates = f"challenger {_percent(self.trial.challenger)} against {_percent(self.trial.champion)}"
        return rates + (told or f", challenger's between {_limits(self.trial.challenger, confidence)}")

    @classmethod
    def parse(cls, raw: Json, guardrail: Guardrail, *, objective: bool = False) -> Self:
        measure = cls(guardrail, objective, Pair.parse(raw), Pair.parse(raw.get("step", raw)))
        return replace(
            measure,
            ratios=RatioTest.parse(raw, measure._tolerated or 1.0),
            times=QuantileTest.parse(raw["times"]) if "times" in raw else NO_QUANTILES,
            pairs=Paired.parse(raw["pairs"]) if "pairs" in raw else NO_PAIRS,
            windows=tuple(map(Pair.of, raw.get("windows", ()))),
        )

    def state(self) -> dict[str, Any]:
        """What all else follows from: `parse` makes the same evidence of it."""
        return {
            **self.trial.dump(),
            **({} if self.labelled else {"step": self.step.dump()}),
            **self.ratios.dump(),
            **({"pairs": self.pairs.dump()} if self.pairs else {}),
            **({"times": self.times.dump()} if self.timed else {}),
        }

    def dump(self, confidence: float) -> dict[str, Any]:
        """As the Trial's status shows it; what cannot be told yet is left out."""
        bounds = self._ratio_interval(confidence)
        told = {
            "objective": self.objective or None,
            "over": self.guardrail.over,
            "quantile": self.guardrail.quantile,
            "class": self.guardrail.class_,
            "tolerance": self.guardrail.tolerance,
            "windows": [list(window.numbers) for window in self.windows] if self.labelled else None,
            "ratio": _compact(self._ratio()),
            "interval": bounds and [_compact(bound) for bound in bounds],
            "needed": self.needed(confidence),
        }
        return {
            "measure": str(self.guardrail.measure),
            **{name: value for name, value in told.items() if value is not None},
            **self.state(),
            "breach": _compact(self.breach()),
            "proof": _compact(self.proof()),
        }

    @property
    def _tolerated(self) -> float | None:
        """The ratio that the tests are about."""
        return 1.0 if self.guardrail.better and self.guardrail.no_worse_than is None else self.guardrail.no_worse_than

    def _log_ratio_breach(self, tolerated: float) -> float:
        if self.guardrail.quantile is not None:
            return self.times.log_breach(self.guardrail.quantile, tolerated)
        unpaired = self.ratios.log_breach()
        return evalues.log_mean((unpaired, self.pairs.log_breach(tolerated))) if self.pairs else unpaired

    def _log_proof(self, times: float = 1.0) -> float:
        """ln of the proof's e-value, had the step brought `times` as much of the same."""
        ours, bounds, tolerated = self.step.challenger, [], self._tolerated
        if tolerated is not None and self.guardrail.quantile is not None:
            bounds.append(self.times.log_proof(self.guardrail.quantile, tolerated, times))
        elif tolerated is not None:
            bounds.append(self.ratios.log_proof(tolerated, times))
        if self.guardrail.below is not None:
            bounds.append(evalues.log_below(times * ours.events, times * ours.exposures, self.guardrail.below))
        return evalues.log_mean(bounds)

    def _ratio(self) -> float | None:
        quantile = self.guardrail.quantile
        if self.labelled:
            return strata.ratio(self.windows)
        return self.trial.ratio if quantile is None else self.times.ratio(quantile)

    def _ratio_interval(self, confidence: float) -> tuple[float, float] | None:
        quantile = self.guardrail.quantile
        if self.labelled:
            return strata.ratio_interval(self.windows, confidence)
        if quantile is None:
            return self.trial.ratio_interval(confidence)
        return self.times.ratio_interval(quantile, confidence)


def named(guardrail: Guardrail) -> str:
    """What is measured: `errors`, `latency over 250ms`, `recall of fraud`."""
    return f"{guardrail.measure}{_which(guardrail)}"


def _which(guardrail: Guardrail) -> str:
    if guardrail.quantile is not None:
        return f" p{100 * guardrail.quantile:g}"
    if guardrail.class_ is not None:
        return f" of {guardrail.class_}"
    bound = guardrail.over or (guardrail.tolerance and f"{guardrail.tolerance:g}")
    return f" over {bound}" if bound else ""


def _fell(seen: Pair) -> bool:
    return min(seen.numbers) < 0


def _percent(seen: Count) -> str:
    rate = "unknown" if seen.rate is None else f"{100 * seen.rate:.3g} %"
    return f"{rate} ({seen.events:,} of {seen.exposures:,})"


def _limits(seen: Count, confidence: float) -> str:
    # Envoy's threads count on while it is read: an event may be seen before its exposure.
    lower, upper = evalues.interval(min(seen.events, seen.exposures), seen.exposures, confidence)
    return f"{100 * lower:.3g} % and {100 * upper:.3g} %"


def _compact(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.6g}")

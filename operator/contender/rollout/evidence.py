"""The evidence of a trial: one `MeasureEvidence` for each guardrail and objective, and how far it has been read.

Everything a verdict needs is here and goes into the Trial's status, from which a new operator process goes on with the
very same numbers. For the arithmetic see `evalues`, for where the counts come from `counting`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from contender.api import Guardrail, Json, Trial
from contender.observation import Counters, Labelled, Labels, RouterPod
from contender.rollout import windows
from contender.rollout.comparison import Pair
from contender.rollout.counting import Count, Cursor, Dropped, interval
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.paired import Paired
from contender.rollout.split import Sent, Split
from contender.rollout.windows import Reading


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence of a trial: that on the guardrails, in their order, then that on the objectives, in theirs."""

    measures: tuple[MeasureEvidence, ...]
    cursors: tuple[Cursor, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)  # why -> how often, over the trial
    split: Split = field(default_factory=Split)  # of the present step
    ledger: Reading = field(default_factory=Reading)  # of use where labels tell a measure

    @classmethod
    def begin(cls, guardrails: Sequence[Guardrail], objectives: Sequence[Guardrail] = ()) -> Self:
        guarded = tuple(MeasureEvidence(guardrail) for guardrail in guardrails)
        return cls((*guarded, *(MeasureEvidence(objective, objective=True) for objective in objectives)))

    def absorb(
        self, pods: Sequence[RouterPod], champion: str, challenger: str, share: int, *, by_user: bool = False
    ) -> Self:
        """The evidence after one more look at the router pods; `share` is the one that is judged, in percent.

        `by_user` says that users are split and not requests. What comes while the split is broken is no evidence, and
        what the step brought before is none of a proof.
        """
        seen, cursors, dropped = interval(self.cursors, self.of_use(pods), champion, challenger, share)
        sent = Sent(seen.champion.begun, seen.challenger.begun)
        after = replace(self.drop(dropped), cursors=cursors, split=self.split.absorb(sent, share, by_user=by_user))
        if after.split.problem:
            return after._begin_proof().drop({Dropped.SPLIT: 1})
        return replace(after, measures=tuple(measure.take_in(seen) for measure in self.measures))

    def drop(self, why: Mapping[str, int]) -> Self:
        """The evidence with a note of what was no evidence: why, and how often."""
        return replace(self, dropped=Counter(self.dropped) + Counter(why))

    def absorb_pairs(self, pairs: Sequence[Paired]) -> Self:
        """The evidence with more requests in it that both variants have answered: the pairs of each measure."""
        both = zip(self.measures, pairs, strict=True)
        return replace(self, measures=tuple(measure.absorb_pairs(seen) for measure, seen in both))

    @property
    def labelled(self) -> tuple[MeasureEvidence, ...]:
        """The measures that labels tell."""
        return tuple(measure for measure in self.measures if measure.labelled)

    def open_window(self, now: datetime, share: int) -> Self:
        """From now on answers are judged by their labels, at a share in percent."""
        most = windows.most(len(self.labelled))
        measures = tuple(measure.open_window(most) for measure in self.measures)
        return replace(self, measures=measures, ledger=self.ledger.opened(now, share, most))

    def close_window(self, at: datetime) -> Self:
        """The answers from then on are not judged by their labels."""
        return replace(self, ledger=self.ledger.closed(at))

    def meet_silence(self, why: str, now: datetime) -> Self:
        """The evidence after the ledger was asked and told nothing."""
        return replace(self, ledger=self.ledger.met_silence(why, now))

    def absorb_labels(
        self, labels: Labels, champion: str, challenger: str, now: datetime, *, by_user: bool = False
    ) -> Self:
        """The evidence after an answer of the ledger's.

        Labels of a window that came for one variant more than for the other wait until they are even. `by_user` says
        that users are split and not requests, so that the share of the labels may be any.
        """
        after = replace(self, ledger=self.ledger.told(labels, champion, challenger, now))
        for number, window in enumerate(after.ledger.windows):
            told = labels.windows.get(window.since)
            if told is not None and window.uneven and not by_user:
                after = after.drop({Dropped.UNEVEN: 1})
            elif told is not None:
                after = after._absorb_window(number, _pairs(told, champion, challenger, len(self.labelled)))
        return after

    def _absorb_window(self, number: int, counts: Sequence[Pair]) -> Self:
        """With what a window's labels say by now: the counts of each measure that they tell, in their order."""
        told = iter(counts)
        both = [(measure, next(told) if measure.labelled else None) for measure in self.measures]
        corrected = sum(measure.corrects(number, now) for measure, now in both if now)
        after = tuple(measure.absorb_labels(number, now) if now else measure for measure, now in both)
        return replace(self, measures=after).drop({Dropped.CORRECTED: corrected} if corrected else {})

    def begin_step(self) -> Self:
        """Proof and split begin anew; cursors stay, since the counters run on."""
        return replace(self._begin_proof(), split=Split())

    def _begin_proof(self) -> Self:
        return replace(self, measures=tuple(measure.begin_step() for measure in self.measures))

    def of_use(self, pods: Sequence[RouterPod]) -> tuple[RouterPod, ...]:
        """The pods with only those edges of their histograms that a measure reads: the Trial keeps no more."""
        edges = self._edges
        return tuple(replace(pod, counters=_narrowed(pod.counters, edges)) for pod in pods)

    @property
    def challenger_requests(self) -> int:
        """What the challenger answered in the present step, as the routers counted it."""
        counted = (measure for measure in self.measures if not measure.labelled)
        return max((measure.step.challenger.exposures for measure in counted), default=0)

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """What a trial has so far."""
        return cls.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)

    def stood_at(self, states: Sequence[Json]) -> tuple[MeasureEvidence, ...]:
        """These measures as they were when their states (`MeasureEvidence.state`) were kept, in their order."""
        both = zip(states, self.measures, strict=True)
        return tuple(MeasureEvidence.parse(raw, known.guardrail, objective=known.objective) for raw, known in both)

    @classmethod
    def parse(cls, raw: Json, guardrails: Sequence[Guardrail], objectives: Sequence[Guardrail] = ()) -> Self:
        """`Trial.status.evidence`; from an empty one the evidence begins."""
        begun = cls.begin(guardrails, objectives)
        if not raw:
            return begun
        measures = begun.stood_at(raw["measures"])
        cursors, edges = map(Cursor.parse, raw["cursors"]), begun._edges
        kept = tuple(replace(cursor, counters=_filled(cursor.counters, edges)) for cursor in cursors)
        split = Split.parse(raw["split"]) if "split" in raw else Split()
        return cls(measures, kept, raw["dropped"], split, Reading.parse(raw.get("ledger", {})))

    def dump(self, confidence: float) -> dict[str, Any]:
        """As `Trial.status.evidence` has it; `confidence` is the trial's."""
        return {
            "cursors": [replace(cursor, counters=_thinned(cursor.counters)).dump() for cursor in self.cursors],
            "dropped": dict(self.dropped),
            "split": self.split.dump(),
            **({"ledger": self.ledger.dump()} if self.labelled else {}),
            "measures": [measure.dump(confidence) for measure in self.measures],
        }

    @property
    def _edges(self) -> frozenset[float]:
        return frozenset(edge for measure in self.measures for edge in measure.edges)


def _pairs(told: Mapping[str, Labelled], champion: str, challenger: str, measures: int) -> list[Pair]:
    """The counts of both variants, one pair for each measure; of a variant without a label they are zeros."""
    nothing = ((0, 0),) * measures
    theirs, ours = (told.get(variant, Labelled()).counts or nothing for variant in (champion, challenger))
    return [Pair(Count(*each), Count(*other)) for each, other in zip(theirs, ours, strict=True)]


def _thinned(counters: Mapping[str, Counters]) -> dict[str, Counters]:
    """The counters by variant without those edges of their histograms within which no more came than within the last.

    With a quantile guardrail all edges are kept, and most have nothing between them.
    """
    return {variant: replace(each, faster=dict(_rises(each.faster))) for variant, each in counters.items()}


def _rises(faster: Mapping[float, int]) -> Iterator[tuple[float, int]]:
    rising = sorted(faster.items())
    return (
        (edge, now) for (edge, now), before in zip(rising, (0, *(n for _, n in rising)), strict=False) if now > before
    )


def _filled(counters: Mapping[str, Counters], edges: frozenset[float]) -> dict[str, Counters]:
    """What `_thinned` left, with these edges of their histograms and no other."""
    return {
        variant: replace(each, faster={edge: _within(each.faster, edge) for edge in edges})
        for variant, each in counters.items()
    }


def _within(faster: Mapping[float, int], edge: float) -> int:
    return max((number for other, number in faster.items() if other <= edge), default=0)


def _narrowed(counters: Mapping[str, Counters], edges: frozenset[float]) -> dict[str, Counters]:
    """The counters by variant with only these edges of their histograms."""
    return {
        variant: replace(each, faster={edge: number for edge, number in each.faster.items() if edge in edges})
        for variant, each in counters.items()
    }

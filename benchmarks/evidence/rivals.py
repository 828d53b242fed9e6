"""How others judge the same streams: fixed thresholds (Flagger, Argo Rollouts), z-tests, Kayenta's Mann-Whitney test.

Each has one number at which it rejects, its bar. With its own one it judges as its documents have it; with another it
is made as cautious as Contender, so that speeds may be compared.

- Flagger, 1.44: `interval` is a minute and `threshold`, the failed checks that end a release, is 1 unless set
  (`pkg/apis/flagger/v1beta1/canary.go`); 99 % of successes in the last minute is what its documents show.
- Argo Rollouts, 1.9: `failureLimit` is 0 unless set; `interval: 60s`, `count: 5` and `result >= 0.95` are an example
  of `docs/features/analysis.md`.
- Kayenta: the metric is "High", and the canary fails, when the lower limit of the Hodges-Lehmann difference between
  the variants' error rates by minute exceeds a quarter of its estimate, at a confidence of 98 %
  (`NetflixACAJudge.scala`, `MannWhitneyClassifier.scala`). Judged after 30 and after 60 minutes: Spinnaker's documents
  recommend intervals of at least 30 minutes, and at least 50 points.
- The z-tests stand where Contender's evidence stands and are given the same counts, those of all the trial: the two
  shares against the same margin, and the challenger's against the same `below`, one-sided at 5 %. Their spread is that
  of the null hypothesis, which is quicker here than that of the shares as seen. One looks each time; the other once,
  when it has the power of 90 % against just what the challenger is: the best size, which nobody knows beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from benchmarks.evidence.engine import BELOW, CONFIDENCE, RATIO
from benchmarks.evidence.outcome import Outcome, Truth, Verdict
from benchmarks.evidence.stream import LOOK, SETTLED, STEP, Bools, Count, Floats, Ints, Stream, judged

MINUTE = 60 // LOOK  # looks
POWER = 0.9
Z = NormalDist().inv_cdf(CONFIDENCE)
KAYENTA_Z = NormalDist().inv_cdf(1 - (1 - 0.98) / 2)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a rival thinks, by look and run."""

    against: Floats  # over the bar it rejects; -inf where it does not judge
    promotes: Bools  # if it does not reject


@dataclass(frozen=True, slots=True)
class Rival:
    """A judge with a bar."""

    name: str
    bar: float
    opinion: Callable[[Stream], Opinion]


def judge(opinion: Opinion, bar: float) -> Outcome:
    """The first verdict of each run."""
    rejects = opinion.against > bar
    ends = rejects | opinion.promotes
    look = np.where(ends.any(axis=0), ends.argmax(axis=0), len(ends) - 1)
    runs = np.arange(ends.shape[1])
    given = np.where(rejects[look, runs], Verdict.REJECTED, Verdict.PROMOTED)
    return Outcome(np.where(ends[look, runs], given, Verdict.OPEN), look)


def as_cautious(opinion: Opinion, false_alarms: float) -> float:
    """The least bar at which no more than this share of runs is rejected."""
    before: Bools = np.cumsum(opinion.promotes, axis=0) - opinion.promotes == 0
    worst = np.sort(np.where(before, opinion.against, -np.inf).max(axis=0))
    return float(worst[len(worst) - 1 - int(false_alarms * len(worst))])


def threshold(checks: int, apart: int) -> Callable[[Stream], Opinion]:
    """The challenger's share of bad answers in the last minute, looked at `checks` times, `apart` looks each."""

    def opinion(stream: Stream) -> Opinion:
        looks = np.arange(1, checks + 1) * apart - 1
        events, exposures = (
            _last_minute(counted) for counted in (stream.challenger.events, stream.challenger.exposures)
        )
        against = np.full(events.shape, -np.inf)
        against[looks] = events[looks] / np.maximum(exposures[looks], 1)
        promotes = np.zeros(events.shape, dtype=bool)
        promotes[max(looks[-1], SETTLED - 1)] = True
        return Opinion(against, promotes)

    return opinion


def z_test(stream: Stream) -> Opinion:
    """At every look, as if it were the only one."""
    champion, challenger = _total(stream.champion), _total(stream.challenger)
    ratio, absolute = _z_of_ratio(champion, challenger), _z_of_share(challenger)
    settled = np.arange(stream.looks)[:, None] >= SETTLED - 1
    return Opinion(np.fmin(ratio, absolute), settled & (np.fmin(ratio, absolute) < -Z))


def once(opinion: Opinion, bar: float, look: int) -> Outcome:
    """The verdict of a look that is the only one: without one, the trial is over too."""
    rejects, promotes = opinion.against[look] > bar, opinion.promotes[look]
    verdict = np.where(rejects, Verdict.REJECTED, np.where(promotes, Verdict.PROMOTED, Verdict.OPEN))
    return Outcome(verdict, np.full(len(verdict), look))


def best_look(opinion: Opinion, bar: Floats | float, truth: Truth) -> int | None:
    """The first look at which a test is right in 90 % of the runs, if there is one."""
    right = opinion.against > bar if truth is Truth.WORSE else opinion.promotes
    enough = right.mean(axis=1) >= POWER
    return int(enough.argmax()) if enough.any() else None


def mann_whitney(stream: Stream) -> Opinion:
    """After 30 and 60 minutes."""
    against = np.full(stream.champion.events.shape, -np.inf)
    promotes = np.zeros(against.shape, dtype=bool)
    for minutes in (30, 60):
        ours, theirs = (_by_minute(count, minutes) for count in (stream.challenger, stream.champion))
        against[minutes * MINUTE - 1] = _strength(ours, theirs)
    promotes[60 * MINUTE - 1] = True
    return Opinion(against, promotes)


def _last_minute(counted: Ints) -> Ints:
    total = np.cumsum(counted, axis=0)
    return total - np.vstack([np.zeros_like(total[:MINUTE]), total[:-MINUTE]])


def _total(count: Count) -> Count:
    events, exposures = (np.cumsum(judged(counted), axis=0) for counted in (count.events, count.exposures))
    return Count(events, exposures)


def _share(count: Count) -> Floats:
    return count.events / np.maximum(count.exposures, 1)


def _z_of_ratio(champion: Count, challenger: Count) -> Floats:
    """Over what the spread would be, were the ratio just the tolerated one."""
    events = champion.events + challenger.events
    theirs = events / np.maximum(champion.exposures + RATIO * challenger.exposures, 1)
    ours = np.minimum(RATIO * theirs, 1)
    parts = ((ours, challenger.exposures, 1.0), (theirs, champion.exposures, RATIO))
    spread = np.sqrt(sum(times**2 * share * (1 - share) / np.maximum(of, 1) for share, of, times in parts))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((_share(challenger) - RATIO * _share(champion)) / spread)


def _z_of_share(challenger: Count) -> Floats:
    spread = np.sqrt(BELOW * (1 - BELOW) / np.maximum(challenger.exposures, 1))
    return np.asarray((_share(challenger) - BELOW) / spread)


def _by_minute(count: Count, minutes: int) -> Floats:
    """Shares by run and minute."""
    whole = (minutes, MINUTE, count.events.shape[1])
    events, exposures = (
        counted[: minutes * MINUTE].reshape(whole).sum(axis=1) for counted in (count.events, count.exposures)
    )
    return np.asarray((events / np.maximum(exposures, 1)).T)


def _strength(ours: Floats, theirs: Floats) -> Floats:
    """Wilcoxon's z of a shift by more than a quarter of its estimate; one for each run (row)."""
    differences = (ours[:, :, None] - theirs[:, None, :]).reshape(len(ours), -1)
    shift = 0.25 * np.abs(np.median(differences, axis=1))
    return _wilcoxon(differences - shift[:, None], ours - shift[:, None], theirs)


def _wilcoxon(differences: Floats, ours: Floats, theirs: Floats) -> Floats:
    """R's `wilcox.test`: normal approximation, corrected for continuity and ties."""
    number, others = ours.shape[1], theirs.shape[1]
    above = (np.sign(differences).sum(axis=1)) / 2  # of the rank sum over its expectation
    pooled = np.sort(np.hstack([ours, theirs]), axis=1)
    alike = (pooled[:, :, None] == pooled[:, None, :]).sum(axis=2)
    ties = (alike.astype(float) ** 2 - 1).sum(axis=1) / ((number + others) * (number + others - 1))
    spread = np.sqrt(number * others / 12 * (number + others + 1 - ties))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (above - 0.5 * np.sign(above)) / spread
    return np.where(spread > 0, found, -np.inf)


RIVALS = (
    Rival("Flagger", 0.01, threshold(checks=3, apart=STEP)),
    Rival("Argo Rollouts", 0.05, threshold(checks=5, apart=MINUTE)),
    Rival("z-test at each look", Z, z_test),
    Rival("Kayenta", KAYENTA_Z, mann_whitney),
)

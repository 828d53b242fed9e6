"""What people ask of a trial by the annotations of its ModelDeployment. Pure.

A command is a state and not a message: it holds while the annotation is there, and names the variant that it speaks of.
So it may be given twice, and be synced by a GitOps tool. What `promote` and `retry` did once they would do again at a
later trial of the same variant; so one that is found there when such a trial begins is stale, until it was taken away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contender import names
from contender.api import Json, Trial

ACTS_AGAIN = {"promote": names.PROMOTE, "retry": names.RETRY}


@dataclass(frozen=True, slots=True)
class Commands:
    """What is asked of one trial."""

    promote: bool = False
    abort: bool = False
    pause: bool = False


def given(annotations: Json, trial: Trial) -> Commands:
    """What is asked of `trial`."""
    return Commands(
        promote=_is_fresh("promote", annotations, trial),
        abort=annotations.get(names.ABORT) == trial.challenger.variant,
        pause=annotations.get(names.PAUSE) == "true",
    )


def retries(annotations: Json, trial: Trial) -> bool:
    """Whether the rejected challenger of `trial` is to be tried again."""
    aborted = annotations.get(names.ABORT) == trial.challenger.variant
    return not aborted and _is_fresh("retry", annotations, trial)


def stale(annotations: Json, challenger: str, trials: Sequence[Trial]) -> list[str]:
    """Commands that an earlier trial of `challenger`, one of `trials`, has heard already; [] for its first trial."""
    again = any(trial.challenger.variant == challenger for trial in trials)
    return [name for name, key in ACTS_AGAIN.items() if again and annotations.get(key) == challenger]


def renewed(annotations: Json, trial: Trial) -> tuple[str, ...]:
    """Stale commands of `trial` that were taken away since it began, and count again when they are given again."""
    variant = trial.challenger.variant
    away = (name for name in trial.stale if annotations.get(ACTS_AGAIN[name]) != variant)
    return tuple(sorted({*trial.renewed, *away}))


def _is_fresh(name: str, annotations: Json, trial: Trial) -> bool:
    known = name not in trial.stale or name in trial.renewed
    return known and annotations.get(ACTS_AGAIN[name]) == trial.challenger.variant

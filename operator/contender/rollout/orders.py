"""What people ask of a trial by the annotations of its ModelDeployment. Pure.

An order is a state and not a message: it holds while the annotation is there, and each names the variant that it speaks
of. So it may be given twice, be synced by a GitOps tool, and outlive what it asked for without harm.
"""

from dataclasses import dataclass

from contender import names
from contender.api import Json, Trial


@dataclass(frozen=True, slots=True)
class Orders:
    """What is asked of one trial."""

    promote: bool = False
    abort: bool = False
    pause: bool = False


def orders(annotations: Json, challenger: str) -> Orders:
    """What is asked of the trial of `challenger`."""
    return Orders(
        promote=annotations.get(names.PROMOTE) == challenger,
        abort=annotations.get(names.ABORT) == challenger,
        pause=annotations.get(names.PAUSE) == "true",
    )


def retries(annotations: Json, trial: Trial) -> bool:
    """Whether the rejected challenger of `trial` is to be tried again. One annotation begins one trial."""
    variant = trial.challenger.variant
    asked = annotations.get(names.RETRY) == variant != annotations.get(names.ABORT)
    return asked and (not trial.retry or trial.retry_withdrawn)

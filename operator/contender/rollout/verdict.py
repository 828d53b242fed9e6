"""What may be said of a challenger at one look.

The name of the rule that spoke goes with it: one vocabulary from the code to `kubectl describe`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay where we are."""

    message: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Shadow:
    """Copy a part of the live traffic to the challenger."""

    message: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """Go to step `step` of the trial."""

    step: int
    message: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Promote:
    """The challenger becomes champion."""

    message: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """The challenger goes back; the champion keeps the traffic."""

    message: str
    rule: str = ""


Verdict = Hold | Shadow | Shift | Promote | Reject

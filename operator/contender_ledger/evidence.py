"""Evidence for the operator: of each measure, in each window and for each variant, its events and exposures."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from contender_ledger import counting
from contender_ledger.counting import FOREVER, Pairs
from contender_ledger.delay import median
from contender_ledger.scalar import Scalar, text_of


class Accuracy(msgspec.Struct, tag_field="measure", tag="accuracy", forbid_unknown_fields=True):
    """Of all labelled rows, those predicted wrong."""


class Recall(msgspec.Struct, tag_field="measure", tag="recall", forbid_unknown_fields=True):
    """Of the rows that are of a class, those that were not predicted so."""

    of: Scalar = msgspec.field(name="class")


class Precision(msgspec.Struct, tag_field="measure", tag="precision", forbid_unknown_fields=True):
    """Of the rows that were predicted to be of a class, those that are not."""

    of: Scalar = msgspec.field(name="class")


class Deviation(msgspec.Struct, tag_field="measure", tag="deviation", forbid_unknown_fields=True):
    """Of the rows where prediction and label are numbers, those that are off by more than the tolerance."""

    tolerance: Annotated[float, Meta(ge=0)]


Measure = Accuracy | Recall | Precision | Deviation


class Between(msgspec.Struct, forbid_unknown_fields=True):
    """Half-open, in epoch milliseconds of the time served; without an end, up to the newest."""

    since: Annotated[int, Meta(ge=0, le=FOREVER)]
    until: Annotated[int, Meta(ge=0, le=FOREVER)] | None = None


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What the operator asks."""

    windows: Annotated[list[Between], Meta(max_length=100)]
    variants: Annotated[list[str], Meta(max_length=20)]
    measures: Annotated[list[Measure], Meta(max_length=50)]
    delays: bool = False  # whether to tell how late labels came


class Share(msgspec.Struct):
    """Of one measure: bad rows, of all that could have been."""

    events: int
    exposures: int


class Counted(msgspec.Struct, omit_defaults=True):
    """Of one variant in one window."""

    labelled: int  # rows
    answers: int  # requests of which at least a row is labelled
    measures: list[Share]
    delay: float | None = None  # seconds: the median, if it was asked for and there are labels


class Evidence(msgspec.Struct):
    """A variant -> counts, for each window asked for, in order."""

    windows: list[dict[str, Counted]]


def answer(connection: Connection, deployment: str, question: Question) -> Evidence:
    """All from one moment of the database, if the connection's transaction sees one."""
    known = counting.series_of(connection, deployment)
    series = {variant: known.get(variant) for variant in question.variants}
    return Evidence([_window(connection, series, between, question) for between in question.windows])


def _window(
    connection: Connection, series: dict[str, int | None], between: Between, question: Question
) -> dict[str, Counted]:
    window = counting.Window(between.since, FOREVER if between.until is None else between.until)
    numbers = [number for number in series.values() if number is not None]
    measures = question.measures
    tallies = counting.tallies(connection, numbers, window)
    tolerances = sorted({measure.tolerance for measure in measures if isinstance(measure, Deviation)})
    off = counting.deviations(connection, numbers, window, tolerances) if tolerances else {}
    late = counting.delays(connection, numbers, window) if question.delays else {}

    def counted(number: int) -> Counted:
        labelled, events = off.get(number, (0, [0] * len(tolerances)))
        deviations = {each: Share(n, labelled) for each, n in zip(tolerances, events, strict=True)}
        pairs = tallies[number].pairs
        shares = [_share(measure, pairs, deviations) for measure in measures]
        return Counted(pairs.total(), tallies[number].answers, shares, median(late.get(number, {})))

    nothing = Counted(0, 0, [Share(0, 0) for _ in measures])
    return {variant: nothing if number is None else counted(number) for variant, number in series.items()}


def _share(measure: Measure, pairs: Pairs, deviations: dict[float, Share]) -> Share:
    match measure:
        case Accuracy():
            return _wrong(pairs)
        case Recall(of=wanted):
            name = text_of(wanted)
            return _wrong({pair: rows for pair, rows in pairs.items() if pair[1] == name})
        case Precision(of=wanted):
            name = text_of(wanted)
            return _wrong({pair: rows for pair, rows in pairs.items() if pair[0] == name})
        case Deviation(tolerance=tolerance):
            return deviations[tolerance]


def _wrong(pairs: Mapping[tuple[str, str], int]) -> Share:
    events = sum(rows for (predicted, label), rows in pairs.items() if predicted != label)
    return Share(events, sum(pairs.values()))

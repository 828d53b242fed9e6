"""Quality for people: how right each variant of a deployment was of late, and what it took for what."""

import msgspec
from sqlalchemy import Connection

from contender_ledger import counting
from contender_ledger.counting import FOREVER, Pairs, Window
from contender_ledger.recording import HOUR

MOST_PAIRS = 100


class Pair(msgspec.Struct):
    """One cell of the confusion matrix."""

    predicted: str
    label: str
    rows: int


class Quality(msgspec.Struct):
    """Of one variant."""

    labelled: int
    wrong: int
    accuracy: float | None  # None without labels
    confusion: list[Pair]  # the most frequent first, at most MOST_PAIRS


class Qualities(msgspec.Struct):
    """Since the beginning of the hour asked for, by time served."""

    since: int
    variants: dict[str, Quality]


def answer(connection: Connection, deployment: str, since: int) -> Qualities:
    """Of every variant that has labels, whether it still serves or not."""
    hour = since - since % HOUR
    series = counting.series_of(connection, deployment)
    tallies = counting.tallies(connection, list(series.values()), Window(hour, FOREVER))
    return Qualities(hour, {variant: _quality(tallies[number].pairs) for variant, number in series.items()})


def _quality(pairs: Pairs) -> Quality:
    labelled = pairs.total()
    wrong = sum(rows for (predicted, label), rows in pairs.items() if predicted != label)
    confusion = [Pair(*pair, rows) for pair, rows in pairs.most_common(MOST_PAIRS) if rows]
    return Quality(labelled, wrong, 1 - wrong / labelled if labelled else None, confusion)

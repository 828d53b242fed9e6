"""Labels as people keep them: CSV with a header, lines of JSON, or a JSON array. What it is, its beginning tells."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from contender.cli.unusable import Unusable

FIELDS = ("receipt", "label", "row")

Label = Mapping[str, Any]


@contextmanager
def opened(file: str) -> Iterator[Iterator[Label]]:
    """The labels of a file, or of standard input for `-`, one after the other. Raises Unusable where one is none."""
    with ExitStack() as stack:
        try:
            text = sys.stdin if file == "-" else stack.enter_context(Path(file).open(encoding="utf-8-sig", newline=""))
        except OSError as error:
            raise Unusable(f"{file} cannot be read: {error.strerror}; give the path of a file that is there") from error
        yield _checked(file, text)


def _checked(file: str, text: TextIO) -> Iterator[Label]:
    try:
        yield from map(_fields, _rows(text))
    except (ValueError, csv.Error) as error:  # JSON and UTF-8 too
        raise Unusable(f"{file} holds what is no label: {error}; mend it") from error


def _rows(text: TextIO) -> Iterator[Any]:
    first = next((line for line in text if not line.isspace()), "")
    lines = chain([first], text)
    if first.lstrip().startswith("["):
        return iter(json.loads("".join(lines)))
    if first.lstrip().startswith("{"):
        return (json.loads(line) for line in lines if not line.isspace())
    return _csv(lines)


def _csv(lines: Iterator[str]) -> Iterator[Any]:
    """Labels are text here; what is meant, the ledger reads from the prediction. Other columns are left out."""
    table = csv.DictReader(lines)
    if not {"receipt", "label"} <= set(table.fieldnames or ()):
        raise Unusable("the first line of CSV names the columns `receipt`, `label` and, where there are many, `row`")
    return ({**raw, "row": _number(raw.get("row"))} for raw in table)


def _number(text: str | None) -> int | str:
    """What is no number, the ledger refuses, and says so."""
    return int(text) if text and text.isascii() and text.isdigit() else text or 0


def _fields(raw: Any) -> Label:
    """What the ledger takes; it tells itself what is missing."""
    if not isinstance(raw, Mapping):
        raise ValueError(f"{raw!r} is no object with receipt and label")
    return {field: raw[field] for field in FIELDS if field in raw}

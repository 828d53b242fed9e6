"""The bodies in which labels come: a JSON array, lines of JSON, or CSV. What cannot be read is refused one by one."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator

import msgspec

from contender_ledger.refusal import Reason, Refused
from contender_ledger.scalar import Scalar

MOST_LABELS = 100_000
MOST_BYTES = 64 * 2**20
COLUMNS = {"receipt", "label", "row"}


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """What turned out to be right for one row of one request."""

    receipt: str
    label: Scalar
    row: int = 0


Read = Label | Refused
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # the last of a body nested too deep
LABEL = msgspec.json.Decoder(Label)
LABELS = msgspec.json.Decoder(list[Label])
ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class Unreadable(Exception):
    """Nothing of the body can be taken; the message says what to send."""


class TooMany(Exception):
    """More labels than one call may carry."""


def labels_of(body: bytes, content_type: str) -> list[Read]:
    """Each label of a body, in order. Unreadable, TooMany; KeyError for a content type that is none of READERS."""
    read = READERS[content_type]
    found = []
    for label in read(body):
        found.append(label)
        if len(found) > MOST_LABELS:
            raise TooMany
    return found


def _json(body: bytes) -> Iterable[Read]:
    if body.count(b'"receipt"') > 2 * MOST_LABELS:  # before memory is spent on it; a class may be called so too
        raise TooMany
    try:
        return LABELS.decode(body)
    except msgspec.ValidationError:
        return _one_by_one(body)
    except UNREADABLE as error:
        raise Unreadable(f"the body is no JSON: {error}") from error


def _one_by_one(body: bytes) -> Iterator[Read]:
    if body.count(b",") > 10 * MOST_LABELS:
        raise TooMany
    try:
        elements = ELEMENTS.decode(body)
    except UNREADABLE as error:
        raise Unreadable(f"the body is no JSON array of labels: {error}") from error
    return map(_label, elements)


def _ndjson(body: bytes) -> Iterator[Read]:
    return (_label(line) for line in io.BytesIO(body) if not line.isspace())


def _label(text: bytes | msgspec.Raw) -> Read:
    try:
        return LABEL.decode(text)
    except UNREADABLE as error:
        return Refused(Reason.MALFORMED, f"{error}: a label is {{receipt: text, label: scalar, row: integer}}")


def _csv(body: bytes) -> Iterator[Read]:
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        header = next(lines, [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"the body is no CSV in UTF-8: {error}") from error
    if not {"receipt", "label"} <= set(header) <= COLUMNS or len(set(header)) < len(header):
        raise Unreadable("the first line of CSV is `receipt,label` or `receipt,label,row`")
    return _csv_rows(header, lines)


def _csv_rows(header: list[str], lines: Iterator[list[str]]) -> Iterator[Read]:
    while True:
        try:
            values = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refused(Reason.MALFORMED, str(error))
            continue
        if values:
            yield _csv_label(header, values)


def _csv_label(header: list[str], values: list[str]) -> Read:
    if len(values) != len(header):
        return Refused(Reason.MALFORMED, f"{len(values)} values where the first line names {len(header)}")
    named = dict(zip(header, values, strict=True))
    row = named.get("row", "") or "0"
    if not (row.isascii() and row.removeprefix("-").isdigit() and len(row) < 10):
        return Refused(Reason.MALFORMED, "a row is an integer, counted from 0")
    return Label(named["receipt"], named["label"], int(row))


READERS: dict[str, Callable[[bytes], Iterable[Read]]] = {
    "application/json": _json,
    "application/x-ndjson": _ndjson,
    "text/csv": _csv,
}

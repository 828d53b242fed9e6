"""Predictions and labels are scalars of JSON; here is how they are told apart and when two are the same class.

Pure: no clock, no network, no database.
"""

import hashlib
import math

import msgspec

Scalar = bool | int | float | str

LONGEST = 128  # characters of a class as it is kept; a longer one is kept by its beginning and its digest
FRACTION, OTHER_FRACTION = "≈", "≉"
NUMBER = msgspec.json.Decoder(int | float)


class WrongType(Exception):
    """A label that cannot be meant for this prediction; the message says what to send."""


def text_of(scalar: Scalar) -> str:
    """The class that a scalar names: 1, 1.0 and "1" are one, and so are true and "true"."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    if isinstance(scalar, float):
        return str(int(scalar)) if scalar.is_integer() else repr(scalar)
    text = str(scalar)
    # What no database keeps (NUL), what would be long, and what stands for something else here.
    return _digest(text) if len(text) > LONGEST or "\0" in text or text in (FRACTION, OTHER_FRACTION) else text


def _digest(text: str) -> str:
    return f"{text[:48].replace(chr(0), '')}…{hashlib.sha256(text.encode()).hexdigest()}"


def meant(label: Scalar, prediction: Scalar) -> Scalar:
    """The label in the prediction's own kind; WrongType where it is clear that something else was labelled."""
    if isinstance(prediction, str):
        return _as_text(label, prediction)
    if isinstance(prediction, bool):
        return _as_truth(label)
    return _as_number(label)


def _as_text(label: Scalar, prediction: str) -> Scalar:
    if isinstance(label, bool) and prediction.lower() not in ("true", "false"):
        raise WrongType("the prediction is a text, the label a truth value: send the class as text")
    if isinstance(label, int | float) and not isinstance(label, bool) and _number(prediction) is None:
        raise WrongType("the prediction is a text, the label a number: send the class as text")
    return label


def _as_truth(label: Scalar) -> bool:
    if isinstance(label, bool):
        return label
    if isinstance(label, str) and (text := label.strip().lower()) in ("true", "false"):
        return text == "true"
    raise WrongType("the prediction is a truth value: send true or false")


def _as_number(label: Scalar) -> int | float:
    number = _number(label) if isinstance(label, str) else label
    if isinstance(number, bool) or number is None or not _is_finite(number):
        raise WrongType("the prediction is a number: send a finite number")
    return number


def _number(text: str) -> int | float | None:
    try:
        number: int | float = NUMBER.decode(text.strip())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None
    return number


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond every float
        return False


def difference(prediction: Scalar, label: Scalar) -> float | None:
    """|prediction - label| of two numbers, infinite where the prediction is no finite number; None for classes."""
    if isinstance(prediction, bool | str) or isinstance(label, bool | str):
        return None
    found = abs(prediction - label)
    return math.inf if math.isnan(found) else float(found)


def classes(predicted: str, label: str, *, numeric: bool) -> tuple[str, str]:
    """The pair under which a row is counted: two texts of scalars, unless one is a number with a fraction.

    Such numbers are measured, not classified: each would be a class of its own, and the counts as long as the rows.
    """
    if not numeric or (_is_whole(predicted) and _is_whole(label)):
        return predicted, label
    return FRACTION, FRACTION if predicted == label else OTHER_FRACTION


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()

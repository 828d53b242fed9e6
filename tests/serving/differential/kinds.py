"""Requests of every kind, good and bad, as bodies: what a client might send to a model of numbers or of texts."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from contender_serving.tensors import BYTES, NUMPY, Tensor
from tests import models

Dice = np.random.Generator
Body = bytes
Kind = Callable[[Dice], Body]

WORDS = ("good", "bad", "very", "naïve", "straße", "not", "日本", "")
MOST_ROWS = 32
PIXELS = 64


def numbers(dice: Dice, datatype: str = "FP64", rows: int | None = None) -> Tensor:
    """Rows of digits' pixels, each 0 to 16, of a datatype."""
    pixels, _ = models.digits()
    drawn = pixels[dice.integers(len(pixels), size=rows or dice.integers(1, MOST_ROWS + 1))]
    if NUMPY[datatype].kind == "f":
        drawn = drawn + dice.random(drawn.shape).round(3)
    return drawn.astype(NUMPY[datatype])


def texts(dice: Dice) -> Tensor:
    """Some short texts."""
    rows = int(dice.integers(1, MOST_ROWS + 1))
    return np.array([" ".join(dice.choice(WORDS, 4)) for _ in range(rows)], object)


def tensor(values: Tensor, datatype: str, *, nested: bool = False, **changes: Any) -> dict[str, Any]:
    """An input, changed."""
    data = values.tolist() if nested else values.ravel().tolist()
    return {"name": "input_0", "shape": list(values.shape), "datatype": datatype, "data": data} | changes


def request(*inputs: dict[str, Any], **more: Any) -> Body:
    """A body; NaN and infinities as Python writes them, which is not JSON."""
    return json.dumps({"inputs": list(inputs)} | more).encode()


def _spoilt(spoil: Callable[[list[Any], int, Dice], None], datatype: str = "FP64") -> Kind:
    """A request in whose data one element is spoilt."""

    def make(dice: Dice) -> Body:
        sent = tensor(numbers(dice, datatype), datatype)
        spoil(sent["data"], int(dice.integers(len(sent["data"]))), dice)
        return request(sent)

    return make


def _set(value: Any) -> Callable[[list[Any], int, Dice], None]:
    def spoil(data: list[Any], at: int, _: Dice) -> None:
        data[at] = value

    return spoil


def _changed(**changes: Any) -> Kind:
    return lambda dice: request(tensor(numbers(dice), "FP64") | changes)


def _asked(*names: str, **more: Any) -> Kind:
    return lambda dice: request(tensor(numbers(dice), "FP64"), outputs=[{"name": name} for name in names], **more)


def _text(element: object) -> dict[str, Any]:
    """An input of one text, which may be none."""
    return {"name": "input_0", "shape": [1], "datatype": BYTES, "data": [element]}


def _cut(dice: Dice) -> Body:
    body = request(tensor(numbers(dice), "FP64"))
    return body[: int(dice.integers(len(body)))]


def _ragged(dice: Dice) -> Body:
    sent = tensor(numbers(dice, rows=3), "FP64", nested=True)
    sent["data"][1].pop()
    return request(sent)


def _literal(text: bytes) -> Kind:
    """An element written as no JSON library would."""
    return lambda dice: _spoilt(_set("@"))(dice).replace(b'"@"', text)


def _sent(datatype: str, *, nested: bool) -> Kind:
    return lambda dice: request(tensor(numbers(dice, datatype), datatype, nested=nested))


_WITH_JSON = [datatype for datatype in NUMPY if datatype not in (BYTES, "FP16", "BOOL")]

DIGITS: dict[str, Kind] = {
    **{f"{datatype} flat": _sent(datatype, nested=False) for datatype in _WITH_JSON},
    **{f"{datatype} nested": _sent(datatype, nested=True) for datatype in _WITH_JSON},
    "BOOL": lambda dice: request(tensor(numbers(dice) > 8, "BOOL")),
    "FP16 as JSON": lambda dice: request(tensor(numbers(dice, "FP16"), "FP16")),
    "labels asked": _asked("predict"),
    "probabilities asked": _asked("predict_proba"),
    "both asked": _asked("predict", "predict_proba"),
    "an unknown output": _asked("other"),
    "an output asked twice": _asked("predict", "predict"),
    "an id": _asked("predict", id="42"),
    "parameters": _asked("predict", parameters={"anything": 1}),
    "null for optional fields": lambda dice: request(
        tensor(numbers(dice), "FP64", parameters=None), id=None, parameters=None, outputs=None
    ),
    "unknown fields": lambda dice: request(tensor(numbers(dice), "FP64"), unknown=1),
    "cut short": _cut,
    "not UTF-8": lambda dice: request(tensor(numbers(dice), "FP64")).replace(b"input_0", b"\xff"),
    "an array": lambda _: b"[]",
    "no inputs": lambda _: b"{}",
    "an empty list of inputs": lambda _: request(),
    "another name": _changed(name="other"),
    "an input twice": lambda dice: request(*[tensor(numbers(dice, rows=2), "FP64")] * 2),
    "no shape": lambda dice: request(
        {name: value for name, value in tensor(numbers(dice), "FP64").items() if name != "shape"}
    ),
    "too few features": lambda dice: request(tensor(numbers(dice)[:, 1:], "FP64")),
    "too many features": lambda dice: request(tensor(np.tile(numbers(dice), 2), "FP64")),
    "one dimension": lambda dice: request(tensor(numbers(dice, rows=1)[0], "FP64")),
    "three dimensions": lambda dice: request(tensor(numbers(dice, rows=2)[None], "FP64")),
    "no rows": lambda dice: request(tensor(numbers(dice)[:0], "FP64")),
    "a negative length": _changed(shape=[-1, PIXELS]),
    "more rows declared than sent": _changed(shape=[MOST_ROWS + 1, PIXELS]),
    "ragged": _ragged,
    "an unknown datatype": _changed(datatype="COMPLEX"),
    "texts declared": _changed(datatype=BYTES),
    "a text among numbers": _spoilt(_set("x")),
    "a number as a text": _spoilt(_set("1.5")),
    "true among numbers": _spoilt(_set(True)),
    "null among numbers": _spoilt(_set(None)),
    "NaN": _spoilt(_set(float("nan"))),
    "Infinity": _spoilt(_set(float("inf"))),
    "1e400": _literal(b"1e400"),
    "a fraction among integers": _spoilt(_set(1.5), "INT32"),
    "an integer too large for INT32": _spoilt(_set(2**40), "INT32"),
    "an INT64 over 2^53": _spoilt(_set(2**53 + 1), "INT64"),
    "an integer over 2^64": _spoilt(_set(2**70), "INT64"),
    "a number too large for FP32": _spoilt(_set(1e300), "FP32"),
}

TEXTS: dict[str, Kind] = {
    "texts": lambda dice: request(tensor(texts(dice), BYTES)),
    "texts as a column": lambda dice: request(tensor(texts(dice)[:, None], BYTES)),
    "numbers for texts": lambda _: request(_text(1)),
    "null for a text": lambda _: request(_text(None)),
    "a text in escapes": lambda _: request(_text("\u00e9 \U0001f600 \0")),
    "half a surrogate": lambda _: request(_text("\ud83d")),
}


def of(kind: Kind, count: int) -> Iterator[Body]:
    """So many of a kind, the same ones each time."""
    dice = np.random.default_rng(0)
    return (kind(dice) for _ in range(count))

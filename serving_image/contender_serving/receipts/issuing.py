"""What an answer's receipt holds, and which answers have one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from contender_serving.predictor import Predictor
from contender_serving.receipts.keys import Keys
from contender_serving.tensors import Signature, Tensor

MOST_ROWS = 256  # of a request; a receipt of more would be longer than many an answer
LABELLED = "predict"  # the output that labels are of, where a model has it
FEW_VALUES, MANY_ROWS = 16, 8  # up to so many values in more than so many rows are written in short

_encode = msgspec.msgpack.Encoder().encode


class Receipts:
    """Gives receipts for the answers of one model."""

    def __init__(self, keys: Keys, deployment: str, variant: str, predictor: Predictor) -> None:
        self._keys, self._deployment, self._variant = keys, deployment, variant
        self._output = labelled(predictor.signature)
        self._along = predictor.computes_all

    @property
    def given(self) -> bool:
        """Whether any answer has one: there is a key, and an output that labels can be compared with."""
        return self._keys.there and self._output is not None

    def wanted(self, outputs: Sequence[str]) -> Sequence[str]:
        """What to compute for a client who asks for `outputs`: the predictions too, if that costs no second call."""
        output = self._output
        return [*outputs, output] if output and self._along and output not in outputs else outputs

    def of(self, answers: Mapping[str, Tensor], rows: int) -> str | None:
        """The receipt of an answer to so many rows, if it has one."""
        output = self._output or ""
        answer = answers.get(output)
        if answer is None or rows > MOST_ROWS or answer.shape not in ((rows,), (rows, 1)):
            return None
        at = time.time_ns() // 1_000_000
        return self._keys.sealed(content(self._deployment, self._variant, at, output, answer))


def labelled(signature: Signature) -> str | None:
    """The output whose labels people send: `predict`, else the first that is one value a row."""
    single = [spec.name for spec in signature.outputs if spec.shape[1:] in ((), (1,))]
    names = [spec.name for spec in signature.outputs]
    return LABELLED if LABELLED in names else next(iter(single), None)


def content(deployment: str, variant: str, at: int, output: str, answer: Tensor) -> bytes:
    """What is sealed of an answer with one value a row, given at so many milliseconds since 1970."""
    return _encode((deployment, variant, at, output, _predictions(answer)))


def _predictions(answer: Tensor) -> Any:
    """One value a row as a receipt has them, in short where many rows share few values."""
    values = answer.ravel().tolist()
    if answer.dtype.kind == "O":  # texts, though an estimator's classes may be anything
        values = [value if isinstance(value, str) else _text(value) for value in values]
    if len(values) <= MANY_ROWS:
        return values
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(places) > FEW_VALUES:
        return values
    return {"values": list(places), "rows": bytes([places[value] for value in values])}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

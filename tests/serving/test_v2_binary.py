"""The binary tensor extension's codec: what is written is read again, and what is cut or miscounted is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender_serving.protocols import raw, v2, v2_binary
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec, datatype_of
from tests.serving.tensors import ANY_TENSOR, batches, fewer, signature_of, tensors


def framed(inputs: dict[str, Tensor], in_json: frozenset[str] = frozenset(), **more: Any) -> tuple[bytes, bytes]:
    """A request's body, and its header."""
    tails, sent = [], []
    for name, tensor in inputs.items():
        declared = {"name": name, "shape": tensor.shape, "datatype": datatype_of(tensor)}
        if name in in_json:
            sent.append(declared | {"data": tensor.tolist()})
        else:
            tails.append(raw.encode(tensor))
            sent.append(declared | {"parameters": {"binary_data_size": len(tails[-1])}})
    head = json.dumps({"inputs": sent} | more).encode()
    return head + b"".join(tails), str(len(head)).encode()


@fewer
@given(ANY_TENSOR)
def test_bytes_hold_a_tensor_without_loss(tensor: Tensor) -> None:
    again = raw.decode(memoryview(raw.encode(tensor)), tensor.shape, datatype_of(tensor), "x")

    np.testing.assert_array_equal(again, tensor, strict=True)


@fewer
@given(ANY_TENSOR)
def test_bytes_of_a_tensor_that_lies_otherwise_in_memory_are_row_major(tensor: Tensor) -> None:
    assert raw.encode(np.asfortranarray(tensor)) == raw.encode(tensor)


def test_bytes_are_little_endian_and_texts_carry_their_length() -> None:
    assert raw.encode(np.array([1, 258], np.uint16)) == b"\1\0\2\1"
    assert raw.encode(np.array([True, False])) == b"\1\0"
    assert raw.encode(np.array(["é", ""], object)) == b"\2\0\0\0\xc3\xa9\0\0\0\0"


@fewer
@given(batches(), st.data())
def test_a_request_is_read_as_it_was_written_with_some_of_it_in_json(
    inputs: dict[str, Tensor], data: st.DataObject
) -> None:
    can_be_json = [name for name, tensor in inputs.items() if datatype_of(tensor) != "FP16"]
    in_json = data.draw(st.frozensets(st.sampled_from(can_be_json))) if can_be_json else frozenset()
    body, header = framed(inputs, in_json)

    question = v2_binary.decode(body, header, signature_of(inputs))

    assert list(question.inputs) == list(inputs)
    for name, tensor in inputs.items():
        np.testing.assert_array_equal(question.inputs[name], tensor, strict=True)


@fewer
@given(batches(), st.data())
def test_a_request_cut_anywhere_is_refused(inputs: dict[str, Tensor], data: st.DataObject) -> None:
    body, header = framed(inputs)
    kept = data.draw(st.integers(0, len(body) - 1))

    with pytest.raises(InvalidInput):
        v2_binary.decode(body[:kept], header, signature_of(inputs))


@fewer
@given(batches(), st.binary(min_size=1, max_size=9))
def test_a_request_with_more_bytes_than_it_says_is_refused(inputs: dict[str, Tensor], more: bytes) -> None:
    body, header = framed(inputs)

    with pytest.raises(InvalidInput):
        v2_binary.decode(body + more, header, signature_of(inputs))


@fewer
@given(batches(), st.binary(max_size=200))
def test_whatever_the_bytes_a_request_is_read_or_refused(inputs: dict[str, Tensor], noise: bytes) -> None:
    body, header = framed(inputs)
    head = int(header)
    tail = (noise * (len(body) // (len(noise) or 1) + 1))[: len(body) - head]

    try:
        question = v2_binary.decode(body[:head] + tail.ljust(len(body) - head, b"\1"), header, signature_of(inputs))
    except InvalidInput:
        return

    assert {name: tensor.shape for name, tensor in question.inputs.items()} == {
        name: tensor.shape for name, tensor in inputs.items()
    }


ROWS = {"input_0": np.arange(6.0).reshape(3, 2), "input_1": np.array(["a", "b", "c"], object)}


@pytest.mark.parametrize(
    ("size", "instead"),
    [(47, "as many bytes as"), (49, "48 bytes"), (-1, "number"), (True, "number"), ("48", "number"), (1.5, "number")],
)
def test_a_wrong_size_is_refused(size: object, instead: str) -> None:
    rows = {"input_0": ROWS["input_0"]}
    body, header = framed(rows)
    head = body[: int(header)].replace(b'"binary_data_size": 48', b'"binary_data_size": ' + json.dumps(size).encode())
    tail = body[int(header) :] + (b"x" if size == 49 else b"")

    with pytest.raises(InvalidInput, match=instead):
        v2_binary.decode(head + tail, str(len(head)).encode(), signature_of(rows))


def test_sizes_that_only_add_up_together_are_refused() -> None:
    body, header = framed(ROWS)
    head = body[: int(header)].replace(b"48", b"47").replace(b"15", b"16")

    with pytest.raises(InvalidInput, match="input_0"):
        v2_binary.decode(head + body[int(header) :], header, signature_of(ROWS))


@pytest.mark.parametrize("header", [b"", b"-1", b"1.5", b"0x10", b"99999", b"9" * 5000, b" 10"])
def test_a_header_that_is_no_length_within_the_body_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidInput, match="Inference-Header-Content-Length"):
        v2_binary.decode(framed(ROWS)[0], header, signature_of(ROWS))


def test_data_and_bytes_at_once_are_refused() -> None:
    body, header = framed(ROWS)
    head = body[: int(header)].replace(
        b'"parameters": {"binary_data_size": 48', b'"data": [1], "parameters": {"binary_data_size": 48'
    )

    with pytest.raises(InvalidInput, match="either data"):
        v2_binary.decode(head + body[int(header) :], str(len(head)).encode(), signature_of(ROWS))


@pytest.mark.parametrize(
    ("content", "instead"),
    [
        pytest.param(b"\4\0\0\0ab", "after its length", id="a text longer than the bytes"),
        pytest.param(b"\1\0\0\0a", "2 texts", id="a text missing"),
        pytest.param(b"\0\0\0\0" * 3, "2 texts", id="a text too many"),
        pytest.param(b"\xff\xff\xff\xff", "2 texts", id="a length without end"),
        pytest.param(b"\1\0\0\0\xff\0\0\0\0", "UTF-8", id="not UTF-8"),
    ],
)
def test_bytes_that_are_no_texts_are_refused(content: bytes, instead: str) -> None:
    with pytest.raises(InvalidInput, match=instead):
        raw.decode(memoryview(content), [2], BYTES, "x")


def test_a_boolean_is_one_or_zero() -> None:
    with pytest.raises(InvalidInput, match="0 or 1"):
        raw.decode(memoryview(b"\0\2"), [2], "BOOL", "x")


def test_bytes_without_the_header_are_refused_with_the_mend() -> None:
    body, header = framed(ROWS)

    with pytest.raises(InvalidInput, match="Inference-Header-Content-Length"):
        v2.decode(body[: int(header)], signature_of(ROWS))


ALL, ONE, NONE = frozenset(("label", "score")), frozenset(("score",)), frozenset[str]()


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({}, NONE),
        ({"parameters": {"binary_data_output": True}}, ALL),
        ({"parameters": None, "outputs": None, "id": None}, NONE),
        ({"outputs": [{"name": "label"}, {"name": "score", "parameters": {"binary_data": True}}]}, ONE),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "label", "parameters": {"binary_data": False}}, {"name": "score"}],
            },
            ONE,
        ),
    ],
)
def test_outputs_are_bytes_where_that_is_asked_for(more: dict[str, Any], binary: frozenset[str]) -> None:
    body, header = framed(ROWS, **more)

    assert v2_binary.decode(body, header, signature_of(ROWS)).binary == binary


@pytest.mark.parametrize(
    "more",
    [
        {"parameters": {"binary_data_output": "yes"}},
        {"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]},
    ],
)
def test_a_flag_that_is_no_boolean_is_refused(more: dict[str, Any]) -> None:
    body, header = framed(ROWS, **more)

    with pytest.raises(InvalidInput, match="true or false"):
        v2_binary.decode(body, header, signature_of(ROWS))


@fewer
@given(st.sampled_from([ALL, ONE, NONE]), tensors("BYTES"), tensors("FP64"))
def test_a_response_is_its_json_and_then_its_bytes_in_order(
    binary: frozenset[str], label: Tensor, score: Tensor
) -> None:
    answers = {"label": label, "score": score}
    question = v2.Question("7", {}, ["label", "score"], binary)

    body, length = v2_binary.encode(question, answers, "churn", "1")

    head, at = json.loads(body[:length]), length
    assert (head["id"], head["model_name"], head["model_version"]) == ("7", "churn", "1")
    for output, (name, answer) in zip(head["outputs"], answers.items(), strict=True):
        assert (output["name"], tuple(output["shape"]), "data" in output) == (name, answer.shape, name not in binary)
        if name in binary:
            size = output["parameters"]["binary_data_size"]
            again = raw.decode(memoryview(body)[at : at + size], answer.shape, output["datatype"], name)
            np.testing.assert_array_equal(again, answer, strict=True)
            at += size
    assert at == len(body)


@pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
def test_an_integer_that_a_float_does_not_hold_is_refused(datatype: str) -> None:
    signature = Signature((TensorSpec("input_0", "FP64", (-1, 1)),), (TensorSpec("score", "FP64", (-1, 2)),))
    held, lost = (framed({"input_0": np.array([[n]], NUMPY[datatype])}) for n in (2**53, 2**53 + 1))

    assert v2_binary.decode(*held, signature).inputs["input_0"].tolist() == [[2.0**53]]
    with pytest.raises(InvalidInput, match="over 2\\^53"):
        v2_binary.decode(*lost, signature)

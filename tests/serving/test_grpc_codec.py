"""gRPC's codec: what is written is read again, typed and as bytes, and what does not agree is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender_serving.grpc import codec
from contender_serving.grpc import open_inference_pb2 as pb
from contender_serving.protocols import raw
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec, datatype_of
from tests.serving.tensors import ANY_TENSOR, batches, fewer, signature_of

ROW = {"input_0": np.array([[1.5, 2.5]])}
ONE_ROW = signature_of(ROW)


def typed(inputs: dict[str, Tensor]) -> pb.ModelInferRequest:
    """A request with contents of each datatype."""
    request = pb.ModelInferRequest(model_name="churn")
    for name, tensor in inputs.items():
        datatype = datatype_of(tensor)
        elements = raw.texts(tensor) if datatype == BYTES else tensor.ravel().tolist()
        contents = {codec.FIELDS[datatype]: elements}
        request.inputs.add(name=name, datatype=datatype, shape=tensor.shape, contents=contents)
    return request


def as_bytes(inputs: dict[str, Tensor]) -> pb.ModelInferRequest:
    """A request of bytes."""
    request = pb.ModelInferRequest(model_name="churn")
    for name, tensor in inputs.items():
        request.inputs.add(name=name, datatype=datatype_of(tensor), shape=tensor.shape)
        request.raw_input_contents.append(raw.encode(tensor))
    return request


def sent(**changes: Any) -> pb.ModelInferRequest:
    """A request of one good row, changed."""
    tensor = {"name": "input_0", "datatype": "FP64", "shape": [1, 2], "contents": {"fp64_contents": [1.5, 2.5]}}
    return pb.ModelInferRequest(inputs=[tensor | changes])


@fewer
@given(batches(), st.booleans())
def test_a_request_is_read_as_it_was_written(inputs: dict[str, Tensor], in_bytes: bool) -> None:
    if any(datatype_of(tensor) == "FP16" for tensor in inputs.values()):
        in_bytes = True

    read, outputs = codec.decode(as_bytes(inputs) if in_bytes else typed(inputs), signature_of(inputs))

    assert list(read) == list(inputs)
    for name, tensor in inputs.items():
        np.testing.assert_array_equal(read[name], tensor, strict=True)
    assert outputs == ["label", "score"]


@fewer
@given(ANY_TENSOR, st.booleans())
def test_a_response_holds_the_answers_in_the_kind_that_was_asked_in(answer: Tensor, in_bytes: bool) -> None:
    request = as_bytes(ROW) if in_bytes else typed(ROW)
    datatype = datatype_of(answer)

    response = codec.encode(request, {"score": answer}, "churn", "1")

    (output,) = response.outputs
    assert (output.name, output.datatype, tuple(output.shape)) == ("score", datatype, answer.shape)
    assert bool(response.raw_output_contents) == (in_bytes or datatype == "FP16")
    if response.raw_output_contents:
        again = raw.decode(memoryview(response.raw_output_contents[0]), answer.shape, datatype, "score")
    else:
        elements = getattr(output.contents, codec.FIELDS[datatype])
        again = raw.from_texts(elements, "score") if datatype == BYTES else np.array(elements, NUMPY[datatype])
    np.testing.assert_array_equal(again.reshape(answer.shape), answer, strict=True)


def test_names_versions_and_ids_come_back() -> None:
    response = codec.encode(pb.ModelInferRequest(id="42"), {"score": np.zeros((1, 2))}, "churn", "7")

    assert (response.model_name, response.model_version, response.id) == ("churn", "7", "42")


def test_outputs_can_be_chosen_and_unknown_parameters_are_accepted() -> None:
    request = sent()
    request.outputs.add(name="score", parameters={"anything": pb.InferParameter(string_param="x")})
    request.parameters["anything"].bool_param = True

    assert codec.decode(request, ONE_ROW)[1] == ["score"]


@pytest.mark.parametrize(
    ("request_", "instead"),
    [
        pytest.param(pb.ModelInferRequest(), "each once", id="no inputs"),
        pytest.param(sent(name="other"), "input_0", id="an unknown input"),
        pytest.param(sent(shape=[1, 3]), r"\[-1, 2\]", id="another shape"),
        pytest.param(sent(shape=[-1, 2]), "at least 1", id="a negative length"),
        pytest.param(sent(shape=[2, 2]), "as many elements", id="a shape of more elements"),
        pytest.param(sent(datatype="BF16"), "FP64", id="no such datatype"),
        pytest.param(sent(datatype="FP16"), "raw_input_contents", id="a datatype without contents"),
        pytest.param(sent(datatype="FP32"), "fp32_contents", id="contents of another datatype"),
        pytest.param(sent(contents={}), "fp64_contents", id="no contents"),
        pytest.param(
            sent(contents={"fp64_contents": [1, 2], "int_contents": [1]}), "no other contents", id="contents twice"
        ),
        pytest.param(sent(contents={"fp64_contents": [1, float("nan")]}), "missing", id="NaN"),
        pytest.param(sent(contents={"fp64_contents": [1, float("inf")]}), "infinite", id="infinity"),
        pytest.param(sent(datatype="INT8", contents={"int_contents": [1, 200]}), "INT8", id="too large"),
        pytest.param(sent(datatype="INT64", contents={"int64_contents": [1, 2**53 + 1]}), "2\\^53", id="over 2^53"),
    ],
)
def test_a_request_that_does_not_agree_is_told_what_to_send(request_: pb.ModelInferRequest, instead: str) -> None:
    with pytest.raises(InvalidInput, match=instead):
        codec.decode(request_, ONE_ROW)


@pytest.mark.parametrize(
    ("contents", "instead"),
    [
        ([bytes(15)], "16 bytes"),
        ([bytes(17)], "16 bytes"),
        ([bytes(16)] * 2, "one for each input"),
        ([np.array([1, np.nan]).tobytes()], "missing"),
        ([np.array([1, -np.inf]).tobytes()], "infinite"),
    ],
)
def test_bytes_that_do_not_agree_are_told_what_to_send(contents: list[bytes], instead: str) -> None:
    request = as_bytes(ROW)
    del request.raw_input_contents[:]
    request.raw_input_contents.extend(contents)

    with pytest.raises(InvalidInput, match=instead):
        codec.decode(request, ONE_ROW)


def test_bytes_beside_contents_are_refused() -> None:
    request = sent()
    request.raw_input_contents.append(bytes(16))

    with pytest.raises(InvalidInput, match="either contents or raw_input_contents"):
        codec.decode(request, ONE_ROW)


def test_texts_that_are_not_utf_8_are_refused() -> None:
    signature = Signature((TensorSpec("input_0", BYTES, (-1,)),), ONE_ROW.outputs)

    with pytest.raises(InvalidInput, match="UTF-8"):
        codec.decode(sent(datatype=BYTES, shape=[1], contents={"bytes_contents": [b"\xff"]}), signature)

"""Tensors of any datatype, for properties of the protocols' codecs."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contender_serving.tensors import BYTES, NUMPY, Signature, Tensor, TensorSpec, datatype_of

fewer = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are busy

_SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=4)


def tensors(datatype: str) -> st.SearchStrategy[Tensor]:
    """Tensors that an input of this datatype takes."""
    if datatype == BYTES:
        return arrays.arrays(np.dtype(object), _SHAPES, elements=st.text(max_size=8))
    finite = arrays.from_dtype(NUMPY[datatype], allow_nan=False, allow_infinity=False)
    return arrays.arrays(NUMPY[datatype], _SHAPES, elements=finite)


ANY_TENSOR = st.sampled_from(sorted(NUMPY)).flatmap(tensors)


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Tensor]:
    """One to three inputs of any datatypes, all of as many rows."""
    inputs = {f"input_{i}": draw(ANY_TENSOR) for i in range(draw(st.integers(1, 3)))}
    rows = min(len(tensor) for tensor in inputs.values())
    return {name: tensor[:rows] for name, tensor in inputs.items()}


def signature_of(inputs: dict[str, Tensor]) -> Signature:
    """A signature that takes these inputs and gives two outputs."""
    specs = [TensorSpec(name, datatype_of(tensor), (-1, *tensor.shape[1:])) for name, tensor in inputs.items()]
    return Signature(tuple(specs), (TensorSpec("label", BYTES, (-1,)), TensorSpec("score", "FP64", (-1, 2))))

"""A request that the model takes, to begin with."""

from math import prod
from typing import Any

import numpy as np

from contender_serving.tensors import BYTES, NUMPY, Signature, TensorSpec


def example(signature: Signature) -> dict[str, Any]:
    """A request of one row, of zeros and empty texts."""
    return {"inputs": [_example(spec) for spec in signature.inputs]}


def _example(spec: TensorSpec) -> dict[str, Any]:
    shape = [1 if length == -1 else length for length in spec.shape]
    data = np.zeros(shape, NUMPY[spec.datatype]).ravel().tolist() if spec.datatype != BYTES else [""] * prod(shape)
    return {"name": spec.name, "shape": shape, "datatype": spec.datatype, "data": data}

"""Models that are no estimators, made to look like one: PyTorch's modules and programs, TensorFlow's SavedModels.

Each predicts arrays by `predict`, and can be written as ONNX by `as_onnx`. What they need is imported only for them.
"""

import io
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from contender_serving.bundle.manifest import Format
from contender_serving.tables import INPUT
from contender_serving.tensors import Tensor

OUTPUT = "predict"
OPSET = 18


class Guest(Protocol):
    """A model of another library."""

    format: Format  # that a bundle of it has, if the user names none

    def rows(self, X: ArrayLike) -> Tensor:
        """Data as it takes them: numbers as precise as its own."""

    def predict(self, rows: Tensor) -> Tensor:
        """Answer a batch."""

    def as_onnx(self) -> bytes:
        """The same model as ONNX, from `INPUT` to `OUTPUT`."""


def guest(model: Any, X: ArrayLike) -> Guest | None:
    """A model as an estimator; None if it is one, or something else. Raises `TypeError`, `ValueError`: how to mend it.

    `X` are rows that the model takes.
    """
    if isinstance(model, str | Path):
        return SavedModel(Path(model))
    libraries = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return TorchModel(model, X) if "torch" in libraries else None


class TorchModel:
    """A module, which is exported for batches of any length, or a program that was."""

    format = Format.TORCH

    def __init__(self, model: Any, X: ArrayLike) -> None:
        import torch

        from contender_serving.loaders.torch import Program

        if isinstance(model, torch.jit.ScriptModule):
            raise TypeError("TorchScript is not served; give the module that it was made from, or torch.export it")
        weights = [weight for weight in model.parameters() if weight.is_floating_point()]
        self._precision = torch.empty(0, dtype=weights[0].dtype).numpy().dtype if weights else np.dtype(np.float32)
        exported = isinstance(model, torch.export.ExportedProgram)
        self._program = model if exported else _exported(model, torch.tensor(self.rows(X)[:2]))
        self.predict = Program(self._program).predict

    def rows(self, X: ArrayLike) -> Tensor:
        """Fractions in the precision of the weights, all else as it is."""
        return _in_precision(X, self._precision)

    def save(self, file: Path) -> None:
        """Write the program."""
        import torch

        buffer = io.BytesIO()
        torch.export.save(self._program, buffer)
        file.write_bytes(buffer.getvalue())

    def as_onnx(self) -> bytes:
        """By torch's own exporter, which needs onnxscript."""
        import torch

        written = torch.onnx.export(
            self._program, (), input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False
        )
        return bytes(written.model_proto.SerializeToString())


class SavedModel:
    """A folder of TensorFlow's, of which one tensor goes into the serving signature, and one comes out."""

    format = Format.ONNX  # so that no server needs TensorFlow

    def __init__(self, folder: Path) -> None:
        if not (folder / "saved_model.pb").is_file():
            raise ValueError(
                f"{folder} is no SavedModel; write one with model.export(folder), or tf.saved_model.save "
                "(a directory of MLflow's is served as it is)"
            )
        tf = _tensorflow()
        self._model = tf.saved_model.load(str(folder))  # keeps the variables that its functions use
        served = self._model.signatures.get("serving_default")
        inputs, outputs = (served.structured_input_signature[1], served.structured_outputs) if served else ({}, {})
        if len(inputs) != 1 or len(outputs) != 1:
            raise TypeError(
                f"the SavedModel's serving_default takes {len(inputs)} tensors and gives {len(outputs)}; save it with "
                "one of each: join several in a model around it"
            )
        ((name, self._spec),), (output,) = inputs.items(), outputs
        self._function = tf.function(lambda rows: {OUTPUT: served(**{name: rows})[output]})

    def rows(self, X: ArrayLike) -> Tensor:
        """In the type that the signature names."""
        return np.asarray(X).astype(self._spec.dtype.as_numpy_dtype)

    def predict(self, rows: Tensor) -> Tensor:
        """What TensorFlow answers."""
        return np.asarray(self._function(rows)[OUTPUT])

    def as_onnx(self) -> bytes:
        """By tf2onnx."""
        import tf2onnx

        tf = _tensorflow()
        spec = tf.TensorSpec(self._spec.shape, self._spec.dtype, name=INPUT)
        graph, _ = tf2onnx.convert.from_function(self._function, input_signature=[spec], opset=OPSET)
        return bytes(graph.SerializeToString())


GUESTS = (TorchModel, SavedModel)


def _exported(module: Any, example: Any) -> Any:
    import torch

    training = module.training
    try:
        return torch.export.export(module.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    finally:
        module.train(training)


def _tensorflow() -> Any:
    try:
        import tensorflow
        import tf2onnx  # noqa: F401, both or neither
    except ImportError as error:
        raise ValueError(f"{error.msg}: to read a SavedModel, install contender-serving[tensorflow]") from None
    return tensorflow


def _in_precision(X: ArrayLike, precision: np.dtype[Any]) -> Tensor:
    rows = np.asarray(X)
    return rows.astype(precision) if rows.dtype.kind == "f" else rows

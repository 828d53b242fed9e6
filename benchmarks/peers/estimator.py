"""What all peers predict with: a joblib file, or an ONNX file on one thread of onnxruntime."""

from pathlib import Path
from typing import Any, Protocol

import joblib
import onnxruntime


class Estimator(Protocol):
    """Anything that answers rows with labels."""

    def predict(self, rows: Any) -> Any:
        """The label of each row."""


class OnnxEstimator:
    """An ONNX graph, asked for its labels only: less than Contender answers with."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(file), options)
        self._input = self._session.get_inputs()[0].name

    def predict(self, rows: Any) -> Any:
        """The label of each row."""
        return self._session.run(["predict"], {self._input: rows})[0]


def load(file: str) -> Estimator:
    """The model in a file, by its suffix."""
    path = Path(file)
    estimator: Estimator = OnnxEstimator(path) if path.suffix == ".onnx" else joblib.load(path)
    return estimator

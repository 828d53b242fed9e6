"""PyTorch programs, as `torch.export` saves them.

What reads them evaluates texts and unpickles tensors that it does not know, so the caller has confined the process.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from contender_serving.loaders.sklearn import EstimatorPredictor
from contender_serving.tensors import Signature, Tensor


class TorchPredictor(EstimatorPredictor):
    """A program of one tensor in and one out."""

    platform = "torch"

    def __init__(self, file: Path, signature: Signature) -> None:
        torch.set_num_threads(1)
        super().__init__(Program(torch.export.load(file)), signature)
        self.properties = {"engine": f"torch {torch.__version__}"}


class Program:
    """An exported program as an estimator."""

    def __init__(self, program: Any) -> None:
        self._module = program.module()

    def predict(self, rows: Tensor) -> Tensor:
        """What the program makes of a batch."""
        with torch.inference_mode():
            return np.asarray(self._module(torch.tensor(rows)).numpy())

"""scikit-learn estimators, saved by skops: only types from a list are ever built."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
import threadpoolctl  # type: ignore[import-untyped]

from contender_serving.bundle import describing
from contender_serving.failures import Failure, Reason
from contender_serving.tables import argument
from contender_serving.tensors import Signature, Tensor

OUTPUTS = ("predict", "predict_proba")  # the estimator's methods that a bundle may name

# What stock estimators are made of beyond skops' own list. Each is named: a whole namespace would also let in every
# function that scikit-learn's modules import. A `Tree` with wild indexes can crash the process; the pinned digest
# says whose file it is, and a crash stays in this pod.
TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",  # read as its text is
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "numpy.mean",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)


class EstimatorPredictor:
    """An estimator; the names of its outputs are the methods that give them."""

    platform = "sklearn"
    computes_all = False  # each output is a method

    def __init__(self, estimator: Any, signature: Signature) -> None:
        self.signature = signature
        _check_signature(signature)
        self.properties = {"engine": f"scikit-learn {sklearn.__version__}"}
        threadpoolctl.threadpool_limits(1)  # one core a pod; more threads only wait for each other
        self._estimator = _single_threaded(estimator)

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        """Answer with the estimator's own methods."""
        rows = argument({spec.name: inputs[spec.name] for spec in self.signature.inputs})  # columns in their order
        return {output: np.asarray(getattr(self._estimator, output)(rows)) for output in outputs}

    def describe(self, rows: Mapping[str, Tensor]) -> None:
        """Find out what the estimator takes and gives, by rows that it takes. Raises what it raises."""
        self.signature = describing.signature(self._estimator, rows, describing.outputs(self._estimator, rows))


class SklearnPredictor(EstimatorPredictor):
    """An estimator from a skops file."""

    def __init__(self, file: Path, signature: Signature) -> None:
        super().__init__(_load(file), signature)


def _check_signature(signature: Signature) -> None:
    names = [spec.name for spec in signature.outputs]
    if not set(names) <= set(OUTPUTS):
        raise Failure(
            Reason.INVALID_BUNDLE,
            f"a scikit-learn model has the outputs {' and '.join(OUTPUTS)}, not {', '.join(names)}; "
            "write the bundle again",
        )


def _load(file: Path) -> Any:
    if not zipfile.is_zipfile(file):
        raise Failure(
            Reason.FORMAT_MISMATCH,
            f"{file.name} is not a skops file; save the estimator with skops, or set the format that it has",
        )
    untrusted = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
    if untrusted:
        raise Failure(
            Reason.UNTRUSTED_TYPES,
            f"the model is made of types that this image does not load: {', '.join(untrusted)}; "
            "build it from scikit-learn's own estimators, or write it as ONNX",
        )
    return skops.io.load(file, trusted=list(TRUSTED))


def _single_threaded(estimator: Any) -> Any:
    if not hasattr(estimator, "get_params"):  # of no estimator's kind, but it predicts
        return estimator
    parameters = estimator.get_params(deep=True)
    return estimator.set_params(**{name: 1 for name in parameters if name.split("__")[-1] == "n_jobs"})

"""Estimators saved by joblib or pickle: what is in the file is run, so the caller has confined the process."""

from pathlib import Path

import joblib

from contender_serving.loaders.sklearn import EstimatorPredictor
from contender_serving.tensors import Signature


class PicklePredictor(EstimatorPredictor):
    """Whatever the file builds, if it predicts as an estimator does."""

    platform = "pickle"

    def __init__(self, file: Path, signature: Signature) -> None:
        super().__init__(joblib.load(file), signature)

"""LightGBM's scikit-learn estimators, in its own text format, which holds no code, followed by their classes."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from contender_serving.loaders.sklearn import EstimatorPredictor
from contender_serving.tensors import Signature, Tensor

CLASSES = "contender_classes:"  # begins the line after the model's own


class LightgbmPredictor(EstimatorPredictor):
    """A booster; with classes it is a classifier."""

    platform = "lightgbm"

    def __init__(self, file: Path, signature: Signature) -> None:
        model, _, classes = file.read_text().partition(CLASSES)
        booster, labels = lightgbm.Booster(model_str=model), json.loads(classes or "null")
        super().__init__(_Regressor(booster) if labels is None else _Classifier(booster, labels), signature)
        self.properties = {"engine": f"lightgbm {lightgbm.__version__}"}


def save(model: Any, file: Path) -> None:
    """Write a fitted estimator of LightGBM's."""
    classes = np.asarray(model.classes_).tolist() if hasattr(model, "classes_") else None
    file.write_text(f"{model.booster_.model_to_string()}\n{CLASSES}{json.dumps(classes)}\n")


class _Regressor:
    """What LGBMRegressor does with what its booster says: nothing."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, rows: Tensor) -> Tensor:
        return np.asarray(self._booster.predict(rows, num_threads=1))


class _Classifier:
    """What LGBMClassifier does with it."""

    def __init__(self, booster: Any, classes: list[object]) -> None:
        self._booster, self._classes = _Regressor(booster), np.asarray(classes)

    def predict(self, rows: Tensor) -> Tensor:
        return np.asarray(self._classes[self.predict_proba(rows).argmax(axis=1)])

    def predict_proba(self, rows: Tensor) -> Tensor:
        raw = self._booster.predict(rows)
        return np.stack([1.0 - raw, raw], axis=1) if raw.ndim == 1 else raw

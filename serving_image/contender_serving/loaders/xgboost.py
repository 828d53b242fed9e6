"""XGBoost's scikit-learn estimators, in its own format, which holds no code."""

from pathlib import Path

import xgboost

from contender_serving.loaders.sklearn import EstimatorPredictor
from contender_serving.tensors import Signature


class XgboostPredictor(EstimatorPredictor):
    """A classifier if it gives probabilities, else a regressor."""

    platform = "xgboost"

    def __init__(self, file: Path, signature: Signature) -> None:
        classifies = "predict_proba" in {output.name for output in signature.outputs}
        estimator = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
        estimator.load_model(file)
        super().__init__(estimator, signature)
        self.properties = {"engine": f"xgboost {xgboost.__version__}"}

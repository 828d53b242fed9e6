"""Models of libraries that the image does not have by default: written, served and asked, against the library itself.

`make test-formats` brings the libraries; they weigh too much for every run.
"""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from contender_serving import bundle
from contender_serving.failures import Failure
from contender_serving.loaders import load
from contender_serving.trust import Trust, VersionPolicy
from tests import models

IRIS, CANCER, DIABETES = (data(return_X_y=True) for data in (load_iris, load_breast_cancer, load_diabetes))
NAMES = (IRIS[0], load_iris().target_names[IRIS[1]])

CASES = {
    "xgboost-two-classes": (xgboost.XGBClassifier(n_estimators=20), CANCER),
    "xgboost-three-classes": (xgboost.XGBClassifier(n_estimators=20), IRIS),
    "xgboost-regression": (xgboost.XGBRegressor(n_estimators=20), DIABETES),
    "lightgbm-two-classes": (lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), CANCER),
    "lightgbm-names-of-classes": (lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), NAMES),
    "lightgbm-regression": (lightgbm.LGBMRegressor(n_estimators=20, verbose=-1), DIABETES),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Any, bundle.Bundle]:
    model, (rows, target) = CASES[request.param]
    bundle.write(model.fit(rows, target), rows, target, path=tmp_path / "bundle")
    return model, rows, bundle.read(tmp_path / "bundle")


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_what_is_served_is_what_the_library_predicts(case: tuple[Any, Any, bundle.Bundle]) -> None:
    model, rows, written = case
    holes = rows.copy()
    holes[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan

    predictor = load(written)

    assert predictor.platform == written.format
    for batch in (rows, holes, rows[:1]):
        outputs = [spec.name for spec in written.manifest.signature.outputs]
        for name, answer in predictor.predict({"input_0": batch}, outputs).items():
            np.testing.assert_array_equal(answer, getattr(model, name)(batch))


def test_another_version_of_the_library_is_refused(case: tuple[Any, Any, bundle.Bundle]) -> None:
    _, _, written = case
    framework = written.manifest.framework
    models.reseal(written.folder, framework=type(framework)(framework.name, "0.1"))

    with pytest.raises(Failure, match="versionPolicy"):
        load(bundle.read(written.folder), Trust(VersionPolicy.SAME_MINOR))

"""scikit-learn's tree ensembles as plain arrays: what `tree_graph` writes as ONNX.

Formulas: scikit-learn's `_forest.py`, `_gb.py` and `_hist_gradient_boosting/gradient_boosting.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tree:
    """Parallel arrays over its nodes, the root first. `values` is nodes x targets; those of leaves are used."""

    feature: NDArray[np.int64]
    threshold: Floats  # to the left where the feature is at most this
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaf: NDArray[np.bool_]
    missing_left: NDArray[np.bool_]
    values: Floats


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees of which each adds to targets. Their sum, over `divisor`, plus `base`, through `link`, is the answer."""

    trees: list[Tree]
    link: str  # identity, exp, logistic or softmax
    single: bool  # whether features are rounded to float32 before they are compared
    divisor: int = 1
    base: Floats | float = 0.0
    zero_is_second: bool = False  # which of two classes a logistic sum of exactly 0 means


def read(estimator: Any) -> Ensemble | None:
    """The trees of a fitted estimator, None if it is of another kind. Raises `ValueError` for what has no ONNX form."""
    reader = _readers().get(type(estimator))
    return reader(estimator) if reader else None


def _readers() -> dict[type, Callable[[Any], Ensemble]]:
    from sklearn import ensemble, tree

    forests = (ensemble.RandomForestClassifier, ensemble.RandomForestRegressor)
    extra = (ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor)
    histograms = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
    return {
        **dict.fromkeys((*forests, *extra), _forest),
        **dict.fromkeys((tree.DecisionTreeClassifier, tree.DecisionTreeRegressor), _single),
        **dict.fromkeys((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _boosting),
        **dict.fromkeys(histograms, _histogram),
    }


def _forest(forest: Any) -> Ensemble:
    _check_one_label(forest)
    members = forest.estimators_
    return Ensemble([_tree(member.tree_) for member in members], "identity", single=True, divisor=len(members))


def _single(estimator: Any) -> Ensemble:
    _check_one_label(estimator)
    return Ensemble([_tree(estimator.tree_)], "identity", single=True)


def _boosting(estimator: Any) -> Ensemble:
    if estimator.init not in (None, "zero"):
        raise ValueError("an initial estimator of its own")
    double = 2 if estimator.loss == "exponential" else 1  # its link is half a logit
    width = estimator.estimators_.shape[1]
    scale = double * estimator.learning_rate
    stages = [list(enumerate(stage)) for stage in estimator.estimators_]
    trees = [_tree(member.tree_, scale, target, width) for stage in stages for target, member in stage]
    row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    base = double * estimator._raw_predict_init(row)[0]
    return Ensemble(trees, _link(estimator, width), single=True, base=base, zero_is_second=True)


def _histogram(estimator: Any) -> Ensemble:
    if estimator.is_categorical_ is not None:
        raise ValueError("categorical features")
    width = estimator.n_trees_per_iteration_
    stages = [list(enumerate(stage)) for stage in estimator._predictors]
    trees = [_histogram_tree(member.nodes, target, width) for stage in stages for target, member in stage]
    base = np.ravel(estimator._baseline_prediction).astype(np.float64)
    link = "exp" if type(estimator._loss.link).__name__ == "LogLink" else _link(estimator, width)
    return Ensemble(trees, link, single=False, base=base)


def _check_one_label(estimator: Any) -> None:
    if estimator.n_outputs_ > 1 and hasattr(estimator, "classes_"):
        raise ValueError("several labels at once")


def _link(estimator: Any, width: int) -> str:
    if not hasattr(estimator, "classes_"):
        return "identity"
    return "logistic" if width == 1 else "softmax"


def _tree(tree: Any, scale: float = 1.0, target: int = 0, width: int = 0) -> Tree:
    values = tree.value[:, 0, :] if tree.n_outputs == 1 else tree.value[:, :, 0]
    leaf = tree.children_left == -1
    return Tree(
        np.where(leaf, 0, tree.feature),
        np.where(leaf, 0.0, tree.threshold),
        np.where(leaf, 0, tree.children_left),
        np.where(leaf, 0, tree.children_right),
        leaf,
        tree.missing_go_to_left.astype(bool),
        _in_column(values[:, 0] * scale, target, width) if width else values,
    )


def _histogram_tree(nodes: Any, target: int, width: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        np.where(leaf, 0, nodes["feature_idx"]),
        np.where(leaf, 0.0, nodes["num_threshold"]),
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        leaf,
        nodes["missing_go_to_left"].astype(bool),
        _in_column(nodes["value"], target, width),
    )


def _in_column(values: Floats, target: int, width: int) -> Floats:
    matrix = np.zeros((len(values), width))
    matrix[:, target] = values
    return matrix

"""scikit-learn's tree ensembles as ONNX, deciding as they do.

skl2onnx 1.20 writes thresholds and leaves in float32, the leaves divided by the number of trees: of rows that tie or
lie on a threshold, some come out otherwise, and HistGradientBoosting does not convert at all. So thresholds, leaves and
sums are float64 here, and what stands before the trees in a pipeline is left to skl2onnx.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from contender_serving.bundle.trees import Ensemble, Tree, read


class TreeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stands for a classifier while a pipeline is converted."""

    def __init__(self, estimator: Any, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.classes_ = estimator.classes_


class TreeRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Stands for a regressor while a pipeline is converted."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble


def stand_in(estimator: Any) -> Any:
    """What stands for an estimator that consists of trees, None for any other. Raises `ValueError` as `read` does."""
    ensemble = read(estimator)
    if ensemble is None:
        return None
    return TreeClassifier(estimator, ensemble) if hasattr(estimator, "classes_") else TreeRegressor(ensemble)


def register() -> None:
    """Teach skl2onnx what stands for trees."""
    from skl2onnx import update_registered_converter

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}  # what skl2onnx gives every classifier
    update_registered_converter(TreeClassifier, "ContenderTreeClassifier", _classifier_shape, _add, options=options)
    update_registered_converter(TreeRegressor, "ContenderTreeRegressor", _regressor_shape, _add)


def _classifier_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

    classes = operator.raw_operator.classes_
    label = Int64TensorType if _are_integers(classes) else StringTensorType
    operator.outputs[0].type = label([None])
    operator.outputs[1].type = DoubleTensorType([None, len(classes)])


def _regressor_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType

    operator.outputs[0].type = DoubleTensorType([None, None])


def _are_integers(classes: Any) -> bool:
    return classes.dtype.kind in "iub"


class _Graph:
    """Adds nodes by skl2onnx's container; each returns the name of its output."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def add(self, kind: str, *inputs: str, result: str = "", domain: str = "", version: int = 13, **more: Any) -> str:
        result = result or self._scope.get_unique_variable_name(kind)
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, list(inputs), [result], op_domain=domain, op_version=version, name=name, **more)
        return result

    def constant(self, values: Any) -> str:
        from onnx import numpy_helper

        return self.add("Constant", value=numpy_helper.from_array(np.asarray(values)))

    def cast(self, name: str, kind: str) -> str:
        from onnx import TensorProto

        return self.add("Cast", name, to=getattr(TensorProto, kind))


def _add(scope: Any, operator: Any, container: Any) -> None:
    graph, stand_in = _Graph(scope, container), operator.raw_operator
    scores = _scores(graph, operator.inputs[0].full_name, stand_in.ensemble)
    answers = _answers(graph, scores, stand_in.ensemble.link)
    if isinstance(stand_in, TreeRegressor):
        graph.add("Identity", answers, result=operator.outputs[0].full_name, version=16)
        return
    labels = stand_in.classes_.astype(np.int64 if _are_integers(stand_in.classes_) else object)
    best = _best(graph, scores, stand_in.ensemble)
    graph.add("Gather", graph.constant(labels), best, result=operator.outputs[0].full_name)
    graph.add("Identity", answers, result=operator.outputs[1].full_name, version=16)


def _scores(graph: _Graph, x: str, ensemble: Ensemble) -> str:
    if ensemble.single:
        x = graph.cast(x, "FLOAT")
    x = graph.cast(x, "DOUBLE")
    sums = graph.add("TreeEnsembleRegressor", x, domain="ai.onnx.ml", version=3, **_attributes(ensemble.trees))
    sums = graph.cast(sums, "DOUBLE")
    means = graph.add("Div", sums, graph.constant(np.float64(ensemble.divisor)), version=14)
    return graph.add("Add", means, graph.constant(np.asarray(ensemble.base, dtype=np.float64)), version=14)


def _answers(graph: _Graph, scores: str, link: str) -> str:
    if link == "identity":
        return scores
    if link == "exp":
        return graph.add("Exp", scores)
    if link == "softmax":
        return graph.add("Softmax", scores, axis=1)
    second = graph.add("Sigmoid", scores)
    first = graph.add("Sub", graph.constant(np.float64(1)), second, version=14)
    return graph.add("Concat", first, second, axis=1)


def _best(graph: _Graph, scores: str, ensemble: Ensemble) -> str:
    """The index of each row's label."""
    if ensemble.link != "logistic":
        return graph.add("ArgMax", scores, axis=1, keepdims=0)
    comparison = ("GreaterOrEqual", 16) if ensemble.zero_is_second else ("Greater", 13)
    beyond = graph.add(comparison[0], scores, graph.constant(np.float64(0)), version=comparison[1])
    return graph.add("Squeeze", graph.cast(beyond, "INT64"), graph.constant(np.array([1])))


def _attributes(trees: list[Tree]) -> dict[str, Any]:
    """The attributes of ONNX's TreeEnsembleRegressor."""
    from onnx import numpy_helper

    width = trees[0].values.shape[1]
    sizes = [len(tree.leaf) for tree in trees]
    of_tree = np.repeat(np.arange(len(trees)), sizes)
    of_node = np.concatenate([np.arange(size) for size in sizes])
    joined = {field: np.concatenate([getattr(tree, field) for tree in trees]) for field in Tree.__slots__}
    leaves, targets = np.nonzero(joined["leaf"][:, None] & (joined["values"] != 0))
    modes = np.where(joined["leaf"], "LEAF", "BRANCH_LEQ")
    return {
        "n_targets": width,
        "aggregate_function": "SUM",
        "nodes_treeids": of_tree.tolist(),
        "nodes_nodeids": of_node.tolist(),
        "nodes_featureids": joined["feature"].tolist(),
        "nodes_modes": modes.tolist(),
        "nodes_truenodeids": joined["left"].tolist(),
        "nodes_falsenodeids": joined["right"].tolist(),
        "nodes_missing_value_tracks_true": joined["missing_left"].astype(int).tolist(),
        "nodes_values_as_tensor": numpy_helper.from_array(joined["threshold"].astype(np.float64)),
        "target_treeids": of_tree[leaves].tolist(),
        "target_nodeids": of_node[leaves].tolist(),
        "target_ids": targets.tolist(),
        "target_weights_as_tensor": numpy_helper.from_array(joined["values"][leaves, targets].astype(np.float64)),
    }

"""Models in MLflow's directories: the flavour's own file by the loader of its format, and asked what it gives."""

from typing import cast

from contender_serving.bundle import mlflow
from contender_serving.bundle.manifest import Bundle, Format
from contender_serving.failures import Failure, Reason
from contender_serving.loaders import load_model
from contender_serving.loaders.onnx import OnnxPredictor
from contender_serving.predictor import Predictor
from contender_serving.tensors import Signature, TensorSpec

CLASSIFIER = (TensorSpec("predict", "INT64", (-1,)), TensorSpec("predict_proba", "FP32", (-1, -1)))


def load(bundle: Bundle) -> Predictor:
    """Load the model of a directory that was verified. Raises `Failure` as `load_model` does."""
    if bundle.format is Format.ONNX:
        return _whole(bundle)
    return _asked(bundle)


def _whole(bundle: Bundle) -> Predictor:
    try:
        return OnnxPredictor(bundle.model_file, None)
    except Failure:
        raise
    except Exception as error:  # what onnxruntime raises is of many kinds
        raise Failure(
            Reason.LOAD_FAILED,
            f"{bundle.model_file.name} does not load: {type(error).__name__}; if its weights lie in another file, log "
            "the model with save_as_external_data=False",
        ) from error


def _asked(bundle: Bundle) -> Predictor:
    from contender_serving.loaders.sklearn import EstimatorPredictor

    inputs = bundle.manifest.signature.inputs
    outputs = CLASSIFIER if mlflow.classifies(bundle) else ()
    predictor = cast(EstimatorPredictor, load_model(bundle.format, bundle.model_file, Signature(inputs, outputs)))
    try:
        predictor.describe(mlflow.example(bundle, bundle.manifest.signature))
    except Failure:
        raise
    except Exception as error:  # a model may raise anything
        raise Failure(
            Reason.LOAD_FAILED,
            f"the model raises {type(error).__name__} on its input example, or without one on a row of zeros; "
            "log it with an input_example that it takes",
        ) from error
    return predictor

"""One module per format. Each turns a verified model file into a `Predictor`; adding a format is adding a module."""

from importlib.metadata import version as installed
from pathlib import Path

from contender_serving.bundle.manifest import MODEL_FILES, Bundle, Format
from contender_serving.failures import Failure, Reason
from contender_serving.predictor import Predictor
from contender_serving.tensors import Signature


def load(bundle: Bundle) -> Predictor:
    """Load a verified bundle's model.

    Raises `Failure`: VersionMismatch, FormatMismatch, UntrustedTypes, InvalidBundle, LoadFailed.
    """
    if bundle.format is Format.SKLEARN:
        _check_version(bundle.manifest.framework.version)
    return load_model(bundle.format, bundle.model_file, bundle.manifest.signature)


def load_model(format: Format, file: Path, signature: Signature) -> Predictor:
    """Load a model file. The engines are imported here: each takes time and memory that the other has no use for."""
    try:
        if format is Format.SKLEARN:
            from contender_serving.loaders.sklearn import SklearnPredictor

            return SklearnPredictor(file, signature)
        from contender_serving.loaders.onnx import OnnxPredictor

        return OnnxPredictor(file, signature)
    except (Failure, MemoryError):
        raise
    except Exception as error:  # what a library raises on a damaged model is anybody's guess
        raise Failure(
            Reason.LOAD_FAILED, f"{MODEL_FILES[format]} does not load: {type(error).__name__}; write the bundle again"
        ) from error


def _check_version(trained: str) -> None:
    """Raise `Failure` (VersionMismatch) if the model is from another minor version of scikit-learn than is installed.

    Between minor versions an estimator may load and silently predict something else.
    """
    here = installed("scikit-learn")
    if trained.split(".")[:2] != here.split(".")[:2]:
        raise Failure(
            Reason.VERSION_MISMATCH,
            f"the model was written with scikit-learn {trained}, this image has {here}; "
            f"write it with scikit-learn {'.'.join(here.split('.')[:2])}, or run an image that has {trained}",
        )

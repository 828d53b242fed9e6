"""One module per format. Each turns a verified model file into a `Predictor`; adding a format is adding a module."""

import logging
from pathlib import Path

from contender_serving.bundle import golden, parity
from contender_serving.bundle.manifest import COPY, MODEL_FILES, Bundle, Format
from contender_serving.failures import Failure, Reason
from contender_serving.loaders import versions
from contender_serving.predictor import Predictor
from contender_serving.tensors import Signature
from contender_serving.trust import CAUTIOUS, Trust

logger = logging.getLogger(__name__)


def load(bundle: Bundle, trust: Trust = CAUTIOUS) -> Predictor:
    """Load a verified bundle's model: its ONNX copy if that is known to predict the same, else the model itself.

    A copy needs no trust in versions: it does not depend on the library that wrote the model.
    Raises `Failure`: VersionMismatch, FormatMismatch, UntrustedTypes, InvalidBundle, LoadFailed, ModelTooLarge.
    """
    copy = _load_copy(bundle)
    if copy is not None:
        return copy
    if bundle.format is not Format.ONNX:
        versions.check(bundle.manifest.framework, trust.version_policy)
    return load_model(bundle.format, bundle.model_file, bundle.manifest.signature)


def load_model(format: Format, file: Path, signature: Signature) -> Predictor:
    """Load a model file. The engines are imported here: each takes time and memory that the other has no use for."""
    try:
        return _loaded(format, file, signature)
    except Failure:
        raise
    except MemoryError:
        raise Failure(
            Reason.MODEL_TOO_LARGE, f"{file.name} does not fit into memory; raise spec.resources.limits.memory"
        ) from None
    except Exception as error:  # what a library raises on a damaged model is anybody's guess
        raise Failure(
            Reason.LOAD_FAILED, f"{MODEL_FILES[format]} does not load: {type(error).__name__}; write the bundle again"
        ) from error


def _loaded(format: Format, file: Path, signature: Signature) -> Predictor:
    if format is Format.SKLEARN:
        from contender_serving.loaders.sklearn import SklearnPredictor

        return SklearnPredictor(file, signature)
    from contender_serving.loaders.onnx import OnnxPredictor

    return OnnxPredictor(file, signature)


def _load_copy(bundle: Bundle) -> Predictor | None:
    """The ONNX copy, None where there is none, or it is not seen to predict the same."""
    report = parity.read(bundle)
    if report is None:
        return None
    if not report.within_bound:
        logger.warning("the ONNX copy is not used: %s", report)
        return None
    from contender_serving.loaders.onnx import OnnxPredictor

    try:
        copy = OnnxPredictor(bundle.folder / COPY, bundle.manifest.signature, report.largest_input, str(report))
        golden.check(bundle.folder, copy)
    except Exception as error:
        logger.warning("the ONNX copy is not used: %s", type(error).__name__)
        return None
    return copy

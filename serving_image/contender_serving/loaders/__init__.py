"""One module per format. Each turns a verified model file into a `Predictor`; adding a format is adding a module."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from contender_serving import memory
from contender_serving.bundle import golden, parity
from contender_serving.bundle.manifest import COPY, Bundle, Format
from contender_serving.confinement import confine
from contender_serving.failures import Failure, Reason
from contender_serving.predictor import Predictor
from contender_serving.tensors import Signature
from contender_serving.trust import CAUTIOUS, Trust

logger = logging.getLogger(__name__)

RUNS_CODE = {  # by being loaded
    Format.PICKLE: "a pickle, which runs whatever is in it",
    Format.TORCH: "a program of torch.export, which may hold pickles, and so run whatever is in it",
}
INSTEAD = {Format.PICKLE: "skops or ONNX", Format.TORCH: "ONNX"}


def load(bundle: Bundle, trust: Trust = CAUTIOUS) -> Predictor:
    """Load a verified bundle's model: its ONNX copy if that is known to predict the same, else the model itself.

    A copy needs no trust in versions: it does not depend on the library that wrote the model.
    For a pickle, or what may hold one, this process loses the network, for good: listen before.
    Raises `Failure`: PickleRefused, UnsupportedFormat, VersionMismatch, ModelTooLarge, FormatMismatch, UntrustedTypes,
    InvalidBundle, LoadFailed.
    """
    copy = _load_copy(bundle)
    if copy is not None:
        return copy
    if bundle.format in RUNS_CODE and not trust.allow_pickle:
        raise _refused(bundle.format)
    if bundle.format is not Format.ONNX:
        from contender_serving.loaders import versions

        versions.check(bundle.manifest.framework, trust.version_policy)
    memory.check_fits(bundle.model_file, memory.limit())
    if bundle.format in RUNS_CODE:
        confine()
    if bundle.is_foreign:
        from contender_serving.loaders import mlflow

        return mlflow.load(bundle)
    return load_model(bundle.format, bundle.model_file, bundle.manifest.signature)


def load_model(format: Format, file: Path, signature: Signature) -> Predictor:
    """Load a model file. The engines are imported here: each takes time and memory that the other has no use for."""
    try:
        return _loaded(format, file, signature)
    except Failure:
        raise
    except ModuleNotFoundError as error:
        raise Failure(
            Reason.UNSUPPORTED_FORMAT,
            f"this image has no {error.name}, which the format {format} needs; run an image that has it, which "
            f"contender-serving[{format}] brings",
        ) from None
    except MemoryError:
        raise Failure(
            Reason.MODEL_TOO_LARGE, f"{file.name} does not fit into memory; raise spec.resources.limits.memory"
        ) from None
    except Exception as error:  # what a library raises on a damaged model is anybody's guess
        raise Failure(
            Reason.LOAD_FAILED, f"{file.name} does not load: {type(error).__name__}; write the bundle again"
        ) from error


def _loaded(format: Format, file: Path, signature: Signature) -> Predictor:
    if format is Format.ONNX:
        from contender_serving.loaders.onnx import OnnxPredictor

        return OnnxPredictor(file, signature)
    with _without_pandas():
        engine = import_module(f"{__name__}.{format}")
    predictor: Predictor = getattr(engine, f"{format.capitalize()}Predictor")(file, signature)
    return predictor


def _refused(format: Format) -> Failure:
    return Failure(
        Reason.PICKLE_REFUSED,
        f"the model is {RUNS_CODE[format]}; write it as {INSTEAD[format]}, or, if you trust its writer, set "
        "spec.model.allowPickle and the digest",
    )


@contextmanager
def _without_pandas() -> Iterator[None]:
    """scikit-learn imports pandas if it is installed: 60 MB that a model of arrays has no use for."""
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        del sys.modules["pandas"]  # a model of named columns imports it itself


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

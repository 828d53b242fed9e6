"""Writing a bundle from a fitted estimator. The training side calls this; a server never does."""

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import ArrayLike

from contender_serving.bundle import describing, golden, parity, profile
from contender_serving.bundle.conversion import convert
from contender_serving.bundle.copying import Verdict, add_copy
from contender_serving.bundle.guests import GUESTS, OUTPUT, Guest, guest
from contender_serving.bundle.manifest import (
    MANIFEST,
    MODEL_FILES,
    Format,
    Framework,
    ListedFile,
    Manifest,
    digest_of,
)
from contender_serving.predictor import Predictor
from contender_serving.tables import INPUT, tensors
from contender_serving.tensors import Signature, Tensor

__all__ = ["INPUT", "Written", "seal", "write"]

GOLDEN_EXAMPLES = 5
SAMPLE = 10_000  # rows that the copy is compared on, and the profile of the score is made from, at most
SECONDS = 3.0  # that a slow model is asked for them
FEW = 100  # rows that show whether a model takes columns by position
OWN_LIBRARIES = (Format.XGBOOST, Format.LIGHTGBM, Format.TORCH)  # called as their formats are
TOLERANCE = 1e-5  # float32 engines differ from scikit-learn by up to about 2e-6


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle that was written. As text it says how it will be served."""

    digest: str
    platform: str
    why: str

    def __str__(self) -> str:
        return f"{self.digest}\nserved by {self.platform}: {self.why}"


def write(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    path: Path,
    name: str | None = None,
    version: str = "1",
    format: str | None = None,
) -> Written:
    """Write a fitted model as a bundle into the new folder `path`.

    `model` is a scikit-learn estimator, or one of XGBoost's or LightGBM's; a PyTorch module, or a program of
    `torch.export`; or the folder of a TensorFlow SavedModel, which becomes ONNX.
    `X` (rows x features, a column of texts, or a data frame) and `y` are data like that of training: the golden
    examples are chosen from them, evenly over `y`; the reference profile describes `X`; and an ONNX copy, where the
    model has one, is compared with it on them. `name` is the folder's if it is not given; `format` is skops, or the
    library's own for a model of XGBoost, LightGBM or PyTorch.
    Raises `FileExistsError` if there is such a folder; `TypeError`, `ValueError` or `Failure`, which a server would
    end with, if the model cannot be served. Then nothing is written.
    """
    model, data = _at_home(model, X)
    kind = _chosen(Format(format), model) if format else _format_of(model)
    inputs, columns = _inputs(model, data)
    examples = _examples(inputs, y)
    rows = _affordable(model, examples)
    sample = _sampled(inputs, rows)
    answers = describing.outputs(model, sample)
    signature = describing.signature(model, sample, answers)
    with _new_folder(Path(path)) as folder:
        framework = _save(model, kind, signature, folder / MODEL_FILES[kind])
        golden.save(folder, examples, describing.outputs(model, examples), TOLERANCE)
        profile.save(folder, inputs, answers, columns)
        predictor = _as_a_server_would(kind, folder, signature)
        verdict = _copied(folder, model, predictor, sample)
        digest = seal(
            folder,
            name=name or Path(path).name,
            version=version,
            format=kind,
            framework=framework,
            signature=signature,
        )
    return Written(digest, "onnx_onnxv1" if verdict.kept else predictor.platform, verdict.why)


def seal(path: Path, *, name: str, version: str, format: str, framework: Framework, signature: Signature) -> str:
    """Write contender.yaml over the files that lie in `path`, and return its digest."""
    contents = sorted(file for file in path.rglob("*") if file.is_file() and file.name != MANIFEST)
    files = tuple(_listed(path, file) for file in contents)
    manifest = Manifest(name, version, str(format), framework, signature, files)
    raw = yaml.safe_dump(msgspec.to_builtins(manifest), sort_keys=False).encode()
    (path / MANIFEST).write_bytes(raw)
    return digest_of(raw)


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that becomes `path` when all went well, and is gone when not."""
    if path.exists():
        raise FileExistsError(f"{path} exists; a bundle never changes, so write it to a new folder")
    staging = path.with_name(f".{path.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        staging.rename(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _at_home(model: Any, X: ArrayLike) -> tuple[Any, Any]:
    """The model as an estimator, and the data as it takes them."""
    visitor = guest(model, X)
    return (visitor, visitor.rows(X)) if visitor else (model, X)


def _inputs(model: Any, X: ArrayLike) -> tuple[dict[str, Tensor], list[str]]:
    """The data as tensors, and the names of an array's columns.

    A data frame of numbers becomes one tensor, if that is all the same to the model: one is faster than many.
    """
    named = tensors(X)
    if INPUT in named or any(column.dtype.kind not in "iuf" for column in named.values()):
        return named, []
    array = {INPUT: np.column_stack(list(named.values()))}
    few = {name: tensor[:FEW] for name, tensor in named.items()}
    if not describing.takes(model, {INPUT: array[INPUT][:FEW]}):
        return named, []
    by_array, by_name = (describing.outputs(model, data)["predict"] for data in ({INPUT: array[INPUT][:FEW]}, few))
    return (array, list(named)) if np.array_equal(by_array, by_name) else (named, [])


def _examples(inputs: Mapping[str, Tensor], y: ArrayLike | None) -> dict[str, Tensor]:
    rows = _spread(y, len(next(iter(inputs.values()))))
    return {name: tensor[rows] for name, tensor in inputs.items()}


def _affordable(model: Any, examples: Mapping[str, Tensor]) -> int:
    """How many rows a model can be asked for in the time that is taken for it."""
    began = time.perf_counter()
    describing.outputs(model, examples)
    seconds = (time.perf_counter() - began) / GOLDEN_EXAMPLES
    return int(np.clip(SECONDS / seconds, GOLDEN_EXAMPLES, SAMPLE))


def _sampled(inputs: Mapping[str, Tensor], most: int) -> dict[str, Tensor]:
    rows = len(next(iter(inputs.values())))
    chosen = np.linspace(0, rows - 1, min(rows, most)).astype(int)
    return {name: tensor[chosen] for name, tensor in inputs.items()}


def _spread(y: ArrayLike | None, rows: int) -> Tensor:
    labels = None if y is None else np.asarray(y)
    order = np.arange(rows) if labels is None or labels.ndim > 1 else np.argsort(labels, kind="stable")
    return np.asarray(order[np.linspace(0, rows - 1, min(rows, GOLDEN_EXAMPLES)).astype(int)])


def _save(model: Any, format: Format, signature: Signature, file: Path) -> Framework:
    if format is Format.ONNX:
        file.write_bytes(convert(model, signature.inputs, [spec.name for spec in signature.outputs]))
        return Framework("onnx", installed("onnx"))
    if format is Format.XGBOOST:
        model.save_model(file)
    elif format is Format.TORCH:
        model.save(file)
    elif format is Format.LIGHTGBM:
        from contender_serving.loaders import lightgbm

        lightgbm.save(model, file)
    else:
        import joblib
        import skops.io  # here, for it imports scikit-learn, which reading a bundle has no use for

        dump = joblib.dump if format is Format.PICKLE else skops.io.dump
        dump(model, file)
    library = format if format in OWN_LIBRARIES else "scikit-learn"
    return Framework(library, installed(library))


def _chosen(format: Format, model: Any) -> Format:
    if isinstance(model, GUESTS) and format not in (model.format, Format.ONNX):
        raise ValueError(
            f"this model is written as {' or '.join(dict.fromkeys((model.format, Format.ONNX)))}, not {format}"
        )
    return format


def _format_of(model: Any) -> Format:
    """The format that a model of its library is written in, if the user names none."""
    if isinstance(model, GUESTS):
        return model.format
    library = type(model).__module__.partition(".")[0]
    return Format(library) if library in OWN_LIBRARIES else Format.SKLEARN


def _as_a_server_would(format: Format, path: Path, signature: Signature) -> Predictor:
    """A bundle that no server would take is better refused here than in a cluster."""
    from contender_serving.loaders import load_model

    predictor: Predictor = load_model(format, path / MODEL_FILES[format], signature)
    golden.check(path, predictor)
    return predictor


def _copied(folder: Path, model: Any, predictor: Predictor, sample: Mapping[str, Tensor]) -> Verdict:
    visits = isinstance(model, GUESTS)
    if predictor.platform == "onnx_onnxv1":
        return _converted(model, predictor, sample) if visits else Verdict("it is an ONNX model itself")
    try:
        return add_copy(folder, model, predictor, sample)
    except ImportError:
        extra = model.format if visits else "write"
        return Verdict(f"for an ONNX copy, install contender-serving[{extra}]")


def _converted(model: Guest, predictor: Predictor, sample: Mapping[str, Tensor]) -> Verdict:
    """Raises `ValueError` if the model, of which the bundle holds nothing but the ONNX, answers otherwise."""
    from contender_serving.loaders.sklearn import EstimatorPredictor

    edges = {name: tensor[:0] for name, tensor in sample.items()}
    compared = parity.compare(EstimatorPredictor(model, predictor.signature), predictor, sample, edges)[OUTPUT]
    what = f"converted to ONNX, largest difference {compared.largest_difference:.1g}"
    if compared.disagreeing or compared.largest_difference > parity.BOUND:
        raise ValueError(f"{what} and {compared.disagreeing} disagreeing labels: beyond the bound, {parity.BOUND:g}")
    return Verdict(what)


def _listed(folder: Path, file: Path) -> ListedFile:
    content = file.read_bytes()
    name = file.relative_to(folder).as_posix()
    return ListedFile(path=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())

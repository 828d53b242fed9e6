"""Writing a bundle from a fitted estimator. The training side calls this; a server never does."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import ArrayLike

from contender_serving.bundle import golden, profile
from contender_serving.bundle.conversion import convert
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
from contender_serving.tensors import Signature, Tensor, spec_of

INPUT = "input_0"  # ONNX allows no hyphen
GOLDEN_EXAMPLES = 5
TOLERANCE = 1e-5  # float32 engines differ from scikit-learn by up to about 2e-6


def write(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    path: Path,
    name: str,
    version: str,
    format: str = Format.SKLEARN,
) -> str:
    """Write a fitted scikit-learn estimator as a bundle into the new folder `path` and return its digest.

    `X` (rows x features, or a column of texts) and `y` are data like that of training: the golden examples are
    chosen from them, evenly over `y`, and the reference profile describes `X`.
    Raises `FileExistsError` if there is such a folder; `TypeError`, `ValueError` or `Failure`, which a server would
    end with, if the model cannot be served. Then nothing is written.
    """
    rows = _array(X)
    examples = {INPUT: rows[_spread(y, len(rows))]}
    expected = _outputs(model, examples[INPUT])
    signature = _signature(model, rows, expected)
    with _new_folder(path) as folder:
        framework = _save(model, Format(format), signature, folder / MODEL_FILES[Format(format)])
        golden.save(folder, examples, expected, TOLERANCE)
        profile.save(folder, rows)
        _check_as_a_server_would(Format(format), folder, signature)
        return seal(folder, name=name, version=version, format=format, framework=framework, signature=signature)


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


def _array(X: ArrayLike) -> Tensor:
    if hasattr(X, "columns"):
        raise TypeError("a model of named columns cannot be served yet; fit it on a plain array: X.to_numpy()")
    rows = np.asarray(X)
    if rows.dtype.kind in "UO" and not all(isinstance(value, str) for value in rows.flat):
        raise TypeError("X mixes types; give an array of numbers or an array of texts")
    return rows


def _spread(y: ArrayLike | None, rows: int) -> Tensor:
    order = np.arange(rows) if y is None else np.argsort(np.asarray(y), kind="stable")
    return np.asarray(order[np.linspace(0, rows - 1, min(rows, GOLDEN_EXAMPLES)).astype(int)])


def _outputs(model: Any, rows: Tensor) -> dict[str, Tensor]:
    outputs = {"predict": np.asarray(model.predict(rows))}
    if hasattr(model, "predict_proba") and isinstance(probabilities := model.predict_proba(rows), np.ndarray):
        outputs["predict_proba"] = probabilities
    return outputs


def _nullable(predict: Callable[[Tensor], object], rows: Tensor) -> bool:
    if rows.dtype.kind != "f" or rows.ndim != 2:
        return False
    probe = np.repeat(rows[:1], rows.shape[1], axis=0)
    np.fill_diagonal(probe, np.nan)
    try:
        predict(probe)
    except ValueError:  # scikit-learn's word for input that an estimator does not take
        return False
    return True


def _signature(model: Any, rows: Tensor, outputs: dict[str, Tensor]) -> Signature:
    return Signature(
        inputs=(spec_of(INPUT, rows, nullable=_nullable(model.predict, rows)),),
        outputs=tuple(spec_of(name, tensor) for name, tensor in outputs.items()),
    )


def _save(model: Any, format: Format, signature: Signature, file: Path) -> Framework:
    if format is Format.ONNX:
        file.write_bytes(convert(model, signature.inputs[0], [spec.name for spec in signature.outputs]))
        return Framework("onnx", installed("onnx"))
    import skops.io  # here, for it imports scikit-learn, which reading a bundle has no use for

    skops.io.dump(model, file)
    return Framework("scikit-learn", installed("scikit-learn"))


def _check_as_a_server_would(format: Format, path: Path, signature: Signature) -> None:
    """A bundle that no server would take is better refused here than in a cluster."""
    from contender_serving.loaders import load_model

    predictor: Predictor = load_model(format, path / MODEL_FILES[format], signature)
    golden.check(path, predictor)


def _listed(folder: Path, file: Path) -> ListedFile:
    content = file.read_bytes()
    name = file.relative_to(folder).as_posix()
    return ListedFile(path=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())

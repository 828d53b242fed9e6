"""A model directory of MLflow's, as it is: what its MLmodel file says, as a bundle.

It has no contender.yaml, so it is identified by the files that are served of it: the digest is the sha256 of what
`sha256sum MLmodel <model file> <input example, if there is one>` prints. Nothing else of the directory is read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from contender_serving.bundle.manifest import (
    JSON_BYTES,
    MANIFEST_BYTES,
    Bundle,
    Format,
    Framework,
    ListedFile,
    Manifest,
    is_inside,
)
from contender_serving.failures import Failure, Reason
from contender_serving.tables import INPUT
from contender_serving.tensors import NUMPY, Signature, Tensor, TensorSpec, datatype_of

MLMODEL = "MLmodel"

# Of each flavour: the key of its model file, the key of its library's version, and the library's name.
FLAVORS = {
    "onnx": ("data", "onnx_version", "onnx"),
    "sklearn": ("pickled_model", "sklearn_version", "scikit-learn"),
    "xgboost": ("data", "xgb_version", "xgboost"),
    "lightgbm": ("data", "lgb_version", "lightgbm"),
}
SERIALIZED = {"skops": Format.SKLEARN, "pickle": Format.PICKLE, "cloudpickle": Format.PICKLE}
COLUMNS = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64", "string": "BYTES"}


class MlModel(msgspec.Struct, frozen=True):
    """What is used of the MLmodel file."""

    flavors: dict[str, dict[str, Any]]
    signature: dict[str, Any] | None = None
    saved_input_example_info: dict[str, Any] | None = None
    model_uuid: str | None = None


class Described(msgspec.Struct, frozen=True):
    """An MLmodel file understood: which files are served, as what, and what they take."""

    format: Format
    framework: Framework
    version: str
    files: tuple[str, ...]  # of the directory, in the order of the digest; the model is the second
    inputs: tuple[TensorSpec, ...]
    classifies: bool


def parse(raw: bytes) -> Described:
    """Understand an MLmodel file. Raises `Failure`: InvalidBundle, UnsupportedFormat; each says what to log instead."""
    try:
        read = msgspec.convert(yaml.safe_load(raw), MlModel)
    except (yaml.YAMLError, msgspec.ValidationError):
        raise _invalid("it is no MLmodel file", "log the model again") from None
    name = next((name for name in FLAVORS if name in read.flavors), None)
    if name is None:
        raise Failure(
            Reason.UNSUPPORTED_FORMAT,
            f"{MLMODEL} has the flavors {', '.join(read.flavors)}; this image serves {', '.join(FLAVORS)}: "
            "log the model with one of them, or write it with contender_serving.bundle.write",
        )
    flavor = read.flavors[name]
    kind = _format(name, flavor)
    return Described(
        kind,
        Framework(FLAVORS[name][2], _text(flavor, FLAVORS[name][1])),
        version=read.model_uuid or "1",
        files=tuple(_files(read, _text(flavor, FLAVORS[name][0]))),
        inputs=() if kind is Format.ONNX else _inputs(read.signature),
        classifies=str(flavor.get("model_class", "")).endswith("Classifier"),
    )


def read(folder: Path) -> Bundle:
    """A directory as a bundle, its digest that of the files as they are. Raises `Failure` as `parse`, ModelNotFound."""
    raw = _content(folder, MLMODEL, MANIFEST_BYTES)
    described = parse(raw)
    files = tuple(_listed(folder, path) for path in described.files)
    signature = Signature(described.inputs, ())  # the outputs are the model's to say
    manifest = Manifest(
        folder.resolve().name, described.version, described.format, described.framework, signature, files
    )
    return Bundle(folder, digest_of(files), manifest, folder / described.files[1])


def digest_of(files: Sequence[ListedFile]) -> str:
    """The identity of a directory: the sha256 of its files' list as `sha256sum` writes it."""
    lines = "".join(f"{file.sha256}  {file.path}\n" for file in files)
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def classifies(bundle: Bundle) -> bool:
    """Whether the flavour's class is a classifier."""
    return parse((bundle.folder / MLMODEL).read_bytes()).classifies


def example(bundle: Bundle, signature: Signature) -> dict[str, Tensor]:
    """The rows that were logged with the model; without them, one of zeros. Raises `Failure` (InvalidBundle)."""
    files = bundle.manifest.files
    if len(files) < 3:
        shapes = {spec.name: (1, *(max(length, 1) for length in spec.shape[1:])) for spec in signature.inputs}
        return {spec.name: _empty(spec, shapes[spec.name]) for spec in signature.inputs}
    try:
        saved = _columns(msgspec.json.decode(_content(bundle.folder, files[2].path, JSON_BYTES)))
        return {spec.name: np.array(saved[spec.name], NUMPY[spec.datatype]) for spec in signature.inputs}
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        raise _invalid(
            f"{files[2].path} does not fit its signature", "log the model with an input_example that does"
        ) from None


def _format(name: str, flavor: Mapping[str, Any]) -> Format:
    if name in ("onnx", "xgboost") or (name == "lightgbm" and not _is_estimator(flavor)):
        return Format(name)
    serialized = str(flavor.get("serialization_format", "cloudpickle"))
    if serialized not in SERIALIZED:
        raise _invalid(f"its serialization_format is {serialized}", f"log the model with {', '.join(SERIALIZED)}")
    return SERIALIZED[serialized]


def _is_estimator(flavor: Mapping[str, Any]) -> bool:
    return ".sklearn." in str(flavor.get("model_class", ""))


def _files(read: MlModel, model: str) -> list[str]:
    example = (read.saved_input_example_info or {}).get("serving_input_path")
    files = [MLMODEL, model, *([str(example)] if example else [])]
    for path in files:
        if not is_inside(path):
            raise _invalid(f"the path {path!r} leaves the directory", "log the model again")
    return files


def _inputs(signature: Mapping[str, Any] | None) -> tuple[TensorSpec, ...]:
    try:
        columns = msgspec.json.decode((signature or {})["inputs"], type=list[dict[str, Any]])
    except (LookupError, TypeError, msgspec.DecodeError):
        raise _invalid("it has no signature", "log the model with signature=infer_signature(X, y)") from None
    return tuple(_input(column) for column in columns)


def _input(column: Mapping[str, Any]) -> TensorSpec:
    kind, name = column.get("type"), str(column.get("name", INPUT))
    if kind == "tensor":
        spec = column["tensor-spec"]
        shape = tuple(spec["shape"])
        if shape[:1] == (-1,) and all(length > 0 for length in shape[1:]):
            return TensorSpec(name, datatype_of(np.empty(0, spec["dtype"])), shape)
    elif kind in COLUMNS and "name" in column:
        return TensorSpec(name, COLUMNS[kind], (-1,))
    raise _invalid(
        f"its signature has the input {dict(column)}",
        f"log the model with named columns of {', '.join(COLUMNS)}, or a tensor whose rows alone are of any number",
    )


def _columns(saved: Any) -> dict[str, Any]:
    """The values of each input in a serving_input_example.json."""
    if "dataframe_split" in saved:
        table = saved["dataframe_split"]
        return {str(name): [row[i] for row in table["data"]] for i, name in enumerate(table["columns"])}
    inputs = saved["inputs"]
    return inputs if isinstance(inputs, dict) else {INPUT: inputs}


def _empty(spec: TensorSpec, shape: tuple[int, ...]) -> Tensor:
    return np.full(shape, "", object) if spec.datatype == "BYTES" else np.zeros(shape, NUMPY[spec.datatype])


def _listed(folder: Path, path: str) -> ListedFile:
    try:
        with (folder / path).open("rb") as file:
            return ListedFile(path, (folder / path).stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise Failure(Reason.MODEL_NOT_FOUND, f"cannot read {folder / path}: {error.strerror}") from None


def _content(folder: Path, path: str, most: int) -> bytes:
    try:
        with (folder / path).open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise Failure(Reason.MODEL_NOT_FOUND, f"cannot read {folder / path}: {error.strerror}") from None
    if len(content) > most:
        raise _invalid(f"{path} is larger than {most} bytes", "log the model again")
    return content


def _text(flavor: Mapping[str, Any], key: str) -> str:
    value = flavor.get(key)
    if not isinstance(value, str):
        raise _invalid(f"its flavor names no {key}", "log the model again")
    return value


def _invalid(what: str, instead: str) -> Failure:
    return Failure(Reason.INVALID_BUNDLE, f"{MLMODEL}: {what}; {instead}")

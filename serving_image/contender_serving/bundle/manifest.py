"""contender.yaml: what a bundle holds. The sha256 of its bytes is the model's identity."""

import hashlib
from collections import Counter
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
import yaml

from contender_serving.failures import Failure, Reason
from contender_serving.tensors import NUMPY, Signature

MANIFEST = "contender.yaml"
GOLDEN = "golden.json"
PROFILE = "reference_profile.json"
COPY = "copy.onnx"  # of an estimator, predicting the same
PARITY = "parity.json"  # how much the same


MANIFEST_BYTES = 1 << 20
JSON_BYTES = 64 << 20  # of each of the files that are read beside the model's own


class Format(StrEnum):
    """The formats that this image loads."""

    SKLEARN = "sklearn"
    ONNX = "onnx"
    PICKLE = "pickle"  # joblib's too
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    TORCH = "torch"


MODEL_FILES = {
    Format.SKLEARN: "model.skops",
    Format.ONNX: "model.onnx",
    Format.PICKLE: "model.pkl",
    Format.XGBOOST: "model.ubj",
    Format.LIGHTGBM: "model.txt",
    Format.TORCH: "model.pt2",
}


class Framework(msgspec.Struct, frozen=True):
    """The library that wrote the model, and its version."""

    name: str
    version: str


class ListedFile(msgspec.Struct, frozen=True):
    """One file of the bundle: its path below the bundle's folder, its bytes, and their sha256 in hexadecimal."""

    path: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True):
    """The content of contender.yaml."""

    name: str
    version: str
    format: str
    framework: Framework
    signature: Signature
    files: tuple[ListedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all listed files."""
        return sum(file.size for file in self.files)


class Bundle(msgspec.Struct, frozen=True):
    """A bundle on disk, or a directory of MLflow's that stands for one."""

    folder: Path
    digest: str
    manifest: Manifest
    model_file: Path  # that the format's loader reads

    @property
    def format(self) -> Format:
        """The manifest's format, known to be one that this image loads."""
        return Format(self.manifest.format)

    def has(self, path: str) -> bool:
        """Whether a file is listed."""
        return any(file.path == path for file in self.manifest.files)

    @property
    def is_foreign(self) -> bool:
        """Whether it is MLflow's: without golden examples, and without a word on what the model gives."""
        return not self.has(GOLDEN)


def digest_of(manifest: bytes) -> str:
    """The model's identity: `sha256:` and the hexadecimal sha256 of contender.yaml as it is."""
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def parse(manifest: bytes) -> Manifest:
    """Read contender.yaml. Raises `Failure`: InvalidBundle, or UnsupportedFormat."""
    try:
        parsed = msgspec.convert(yaml.safe_load(manifest), Manifest)
    except yaml.YAMLError:
        raise _invalid("it is not YAML") from None
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    _check_format(parsed)
    _check_files(parsed)
    _check_signature(parsed.signature)
    return parsed


def _check_format(manifest: Manifest) -> None:
    if manifest.format not in set(Format):
        raise Failure(
            Reason.UNSUPPORTED_FORMAT,
            f"the bundle's format is {manifest.format!r}, this image serves {', '.join(Format)}; "
            "write the model with contender_serving.bundle.write",
        )


def _check_files(manifest: Manifest) -> None:
    for file in manifest.files:
        if not is_inside(file.path):
            raise _invalid(f"the file path {file.path!r} leaves the bundle or is not a plain relative path")
        if file.path in (GOLDEN, PROFILE, PARITY) and file.size > JSON_BYTES:
            raise _invalid(f"{file.path} has {file.size} bytes, at most {JSON_BYTES} are read")
    repeated = [path for path, count in Counter(file.path for file in manifest.files).items() if count > 1]
    if repeated:
        raise _invalid(f"it lists {repeated[0]} more than once")
    for needed in (MODEL_FILES[Format(manifest.format)], GOLDEN):
        if needed not in {file.path for file in manifest.files}:
            raise _invalid(f"it lists no {needed}")


def is_inside(path: str) -> bool:
    """Whether a path is a plain one below its folder."""
    pure = PurePosixPath(path)
    plain = str(pure) == path and not pure.is_absolute() and ".." not in pure.parts and "\\" not in path
    return plain and "\0" not in path and path not in (MANIFEST, ".") and pure.suffix != ".part"


def _check_signature(signature: Signature) -> None:
    if not signature.inputs or not signature.outputs:
        raise _invalid("its signature has no inputs or no outputs")
    for tensor in (*signature.inputs, *signature.outputs):
        if tensor.datatype not in NUMPY or not tensor.shape:
            raise _invalid(f"the tensor {tensor.name!r} has no shape or an unknown datatype")


def _invalid(what: str) -> Failure:
    return Failure(
        Reason.INVALID_BUNDLE, f"{MANIFEST}: {what}; write the bundle again with contender_serving.bundle.write"
    )

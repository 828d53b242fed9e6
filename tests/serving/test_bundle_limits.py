"""What a bundle cannot do: leave its folder, or take more memory than there is."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from contender_serving import bundle, memory
from contender_serving.bundle.manifest import JSON_BYTES, MANIFEST_BYTES
from contender_serving.failures import Failure, Reason
from contender_serving.loaders.onnx import OnnxPredictor
from contender_serving.tensors import Signature, TensorSpec

Volumes = Callable[[str], Path]


def test_a_link_that_leaves_the_bundle_is_refused(volumes: Volumes, tmp_path: Path) -> None:
    shutil.copytree(volumes("good_v1") / "bundle", tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.skops"
    model.rename(tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Failure, match=r"model\.skops is a link") as caught:
        bundle.verify(bundle.read(tmp_path / "bundle"))

    assert caught.value.reason is Reason.INVALID_BUNDLE


@pytest.mark.parametrize("path", ["../model", "/etc/passwd", "a/../../b", "a\\b", ".", "a//b", "./a"])
def test_a_path_that_is_not_plain_is_refused(path: str, volumes: Volumes) -> None:
    manifest = (volumes("good_v1") / "bundle" / "contender.yaml").read_text().replace("golden.json", path)

    with pytest.raises(Failure, match="leaves the bundle"):
        bundle.parse(manifest.encode())


def test_an_onnx_graph_reads_no_file_outside_of_its_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "bundle").mkdir()
    monkeypatch.chdir(tmp_path)
    signature = Signature((TensorSpec("x", "UINT8", (-1, 6)),), (TensorSpec("y", "UINT8", (-1, 6)),))

    for location in ("secret", "../secret", str(tmp_path / "secret")):
        (tmp_path / "bundle" / "model.onnx").write_bytes(_reader_of(location))
        with pytest.raises(Exception, match="External data path"):
            OnnxPredictor(tmp_path / "bundle" / "model.onnx", signature)


def test_an_onnx_graph_may_keep_its_weights_in_a_file_of_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"\1\2\3\4\5\6")
    (tmp_path / "model.onnx").write_bytes(_reader_of("weights"))
    signature = Signature((TensorSpec("x", "UINT8", (-1, 6)),), (TensorSpec("y", "UINT8", (-1, 6)),))

    answer = OnnxPredictor(tmp_path / "model.onnx", signature).predict({"x": np.zeros((1, 6), np.uint8)}, ["y"])

    assert answer["y"].tolist() == [[1, 2, 3, 4, 5, 6]]


def test_a_small_file_that_unpacks_beyond_memory_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", bytes(10_000_000))

    with pytest.raises(Failure, match="10000000 bytes unpacked") as caught:
        memory.check_fits(tmp_path / "model.skops", 1_000_000)

    assert (tmp_path / "model.skops").stat().st_size < 1_000_000
    assert caught.value.reason is Reason.MODEL_TOO_LARGE


@pytest.mark.parametrize(("written", "read"), [("1048576\n", 1 << 20), ("max\n", None), (None, None)])
def test_the_memory_is_the_containers_or_else_the_machines(
    written: str | None, read: int | None, tmp_path: Path
) -> None:
    if written:
        (tmp_path / "memory.max").write_text(written)

    assert memory.limit(tmp_path / "memory.max") == (read or memory.limit(tmp_path / "none"))


def test_a_manifest_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "contender.yaml").write_bytes(b"#" * (MANIFEST_BYTES + 1))

    with pytest.raises(Failure, match="1 MiB"):
        bundle.read(tmp_path)


def test_examples_without_end_are_refused_by_their_listed_size(volumes: Volumes) -> None:
    folder = volumes("good_v1") / "bundle"
    listed = (folder / "golden.json").stat().st_size
    manifest = (folder / "contender.yaml").read_text().replace(f"size: {listed}\n", f"size: {JSON_BYTES + 1}\n")

    with pytest.raises(Failure, match=r"golden\.json has"):
        bundle.parse(manifest.encode())


def _reader_of(location: str) -> bytes:
    """A graph that answers with six bytes of a file."""
    weights = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[1, 6], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "6"}.items():
        weights.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Max", ["x", "w"], ["y"])],
        "reader",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, 6])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [None, 6])],
        [weights],
    )
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())

"""A TensorFlow SavedModel: what is written of it is ONNX, which is served without TensorFlow."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_iris

from contender_serving import bundle
from contender_serving.loaders import load

ROWS, LABELS = load_iris(return_X_y=True)


class Network(tf.Module):  # type: ignore[misc]
    """Two layers, and probabilities."""

    def __init__(self) -> None:
        super().__init__()
        dice = tf.random.Generator.from_seed(0)
        self.first, self.second = (tf.Variable(dice.normal(shape)) for shape in ((4, 16), (16, 3)))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="flower")])  # type: ignore[untyped-decorator]
    def answer(self, rows: Any) -> Any:
        return {"species": tf.nn.softmax(tf.nn.relu(rows @ self.first) @ self.second)}


@pytest.fixture(scope="module")
def network() -> Any:
    return Network()


@pytest.fixture(scope="module")
def saved(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    tf.saved_model.save(network, str(folder), signatures={"serving_default": network.answer})
    return folder


def test_a_saved_model_is_written_as_onnx_that_answers_the_same(saved: Path, network: Any, tmp_path: Path) -> None:
    written = bundle.write(saved, ROWS, LABELS, path=tmp_path / "bundle")

    predictor = load(bundle.read(tmp_path / "bundle"))
    assert written.platform == predictor.platform == "onnx_onnxv1"
    assert "largest difference" in written.why
    for rows in (ROWS, ROWS[:1]):
        given = rows.astype(np.float32)
        answer = predictor.predict({"input_0": given}, ["predict"])["predict"]
        np.testing.assert_allclose(answer, network.answer(given)["species"].numpy(), atol=1e-5)


def test_the_server_of_it_never_imports_tensorflow(saved: Path, tmp_path: Path) -> None:
    bundle.write(saved, ROWS, LABELS, path=tmp_path / "bundle")

    script = f"""
import sys
from pathlib import Path
from contender_serving import bundle
from contender_serving.loaders import load
load(bundle.read(Path({str(tmp_path / "bundle")!r})))
print("tensorflow" in sys.modules)
"""
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert printed == "False\n"


def test_the_command_writes_a_saved_model_too(saved: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)

    arguments = [str(saved), str(tmp_path / "bundle"), "--data", str(tmp_path / "rows.npy")]
    command = [sys.executable, "-m", "contender_serving.bundle.command", *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "served by onnx_onnxv1" in printed


def test_a_folder_that_is_none_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tf\.saved_model\.save"):
        bundle.write(tmp_path, ROWS, path=tmp_path / "bundle")


def test_a_model_of_two_inputs_is_refused_with_what_to_write(tmp_path: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name=name) for name in "ab"])  # type: ignore[untyped-decorator]
    def added(a: Any, b: Any) -> Any:
        return {"sum": a + b}

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": added})

    with pytest.raises(TypeError, match="takes 2 tensors"):
        bundle.write(tmp_path / "model", ROWS, path=tmp_path / "bundle")

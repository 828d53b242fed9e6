"""PyTorch's programs: written from modules, served by torch or by an ONNX copy, and what they must not do unasked."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from contender_serving import bundle
from contender_serving.bundle.manifest import Framework
from contender_serving.failures import Failure, Reason
from contender_serving.loaders import load, load_model
from contender_serving.trust import Trust, VersionPolicy
from tests import models
from tests.serving.process import Server, wait_until

ROWS, LABELS = load_iris(return_X_y=True)


def network() -> Any:
    """A fitted classifier, with layers that behave otherwise while they are trained."""
    torch.manual_seed(0)
    layers = (torch.nn.Linear(4, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    model = torch.nn.Sequential(*layers, torch.nn.Linear(16, 3), torch.nn.Softmax(-1))
    rows, labels = torch.tensor(ROWS, dtype=torch.float32), torch.tensor(LABELS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(torch.log(model(rows)), labels).backward()
        optimizer.step()
    return model


def answered(model: Any, rows: Any) -> Any:
    with torch.inference_mode():
        return model.eval()(torch.tensor(rows, dtype=torch.float32)).numpy()


@pytest.fixture(scope="module")
def model() -> Any:
    return network()


@pytest.fixture
def folder(tmp_path: Path, model: Any) -> Path:
    model.train()
    bundle.write(model, ROWS, LABELS, path=tmp_path / "bundle")
    assert model.training  # as it was
    return tmp_path / "bundle"


def test_a_module_is_served_by_its_onnx_copy_which_needs_nobodys_trust(folder: Path, model: Any) -> None:
    predictor = load(bundle.read(folder))

    assert predictor.platform == "onnx_onnxv1"
    for rows in (ROWS, ROWS[:1]):
        answer = predictor.predict({"input_0": rows.astype(np.float32)}, ["predict"])["predict"]
        np.testing.assert_allclose(answer, answered(model, rows), atol=1e-5)


def test_without_a_copy_torch_itself_answers_if_it_is_allowed_to(folder: Path, model: Any) -> None:
    models.without_copy(folder)
    written = bundle.read(folder)

    predictor = load_model(written.format, written.model_file, written.manifest.signature)

    assert predictor.platform == written.format == "torch"
    assert written.manifest.signature.inputs[0].datatype == "FP32"
    assert not written.manifest.signature.inputs[0].nullable
    for rows in (ROWS, ROWS[:1]):
        answer = predictor.predict({"input_0": rows.astype(np.float32)}, ["predict"])["predict"]
        np.testing.assert_allclose(answer, answered(model, rows), atol=1e-6)


def test_a_module_can_be_written_as_onnx_alone(tmp_path: Path, model: Any) -> None:
    written = bundle.write(model, ROWS, LABELS, path=tmp_path / "bundle", format="onnx")

    answer = load(bundle.read(tmp_path / "bundle")).predict({"input_0": ROWS.astype(np.float32)}, ["predict"])
    np.testing.assert_allclose(answer["predict"], answered(model, ROWS), atol=1e-5)
    assert written.platform == "onnx_onnxv1"
    assert not (tmp_path / "bundle" / "model.pt2").exists()


def test_a_module_is_not_pickled(tmp_path: Path, model: Any) -> None:
    with pytest.raises(ValueError, match="torch or onnx"):
        bundle.write(model, ROWS, LABELS, path=tmp_path / "bundle", format="pickle")


def test_a_program_that_was_exported_is_written_as_well_as_its_module(tmp_path: Path, model: Any) -> None:
    example = torch.tensor(ROWS[:2], dtype=torch.float32)
    program = torch.export.export(model.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))

    bundle.write(program, ROWS, LABELS, path=tmp_path / "bundle")

    answer = load(bundle.read(tmp_path / "bundle")).predict({"input_0": ROWS.astype(np.float32)}, ["predict"])
    np.testing.assert_allclose(answer["predict"], answered(model, ROWS), atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
def test_torchscript_is_refused_with_what_to_write_instead(tmp_path: Path, model: Any) -> None:
    script = torch.jit.trace(model.eval(), torch.tensor(ROWS, dtype=torch.float32))

    with pytest.raises(TypeError, match=r"torch\.export"):
        bundle.write(script, ROWS, LABELS, path=tmp_path / "bundle")

    assert not (tmp_path / "bundle").exists()


def test_without_the_users_word_nothing_of_an_archive_is_unpickled(folder: Path, tmp_path: Path) -> None:
    malicious(folder, tmp_path / "log")

    with pytest.raises(Failure, match="allowPickle") as refused:
        load(bundle.read(folder))

    assert refused.value.reason is Reason.PICKLE_REFUSED
    assert not (tmp_path / "log").exists()


def test_what_an_archive_runs_cannot_reach_the_network(
    folder: Path, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    digest = malicious(folder, tmp_path / "log")

    server = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest, CONTENDER_ALLOW_PICKLE="true")
    wait_until(lambda: server.process.poll() is not None or (tmp_path / "log").exists())

    assert (tmp_path / "log").read_text() == "PermissionError"


def test_an_honest_archive_is_served_with_the_users_word(
    folder: Path, tmp_path: Path, serve: Callable[..., Server], model: Any
) -> None:
    digest = models.without_copy(folder)

    server = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest, CONTENDER_ALLOW_PICKLE="true")
    server.wait_until_ready()
    tensor = {"name": "input_0", "shape": [2, 4], "datatype": "FP32", "data": ROWS[:2].ravel().tolist()}
    answer = server.infer({"inputs": [tensor]}).json()["outputs"][0]

    assert server.get("/v2/models/churn").json()["platform"] == "torch"
    np.testing.assert_allclose(np.reshape(answer["data"], answer["shape"]), answered(model, ROWS[:2]), atol=1e-6)


def test_another_version_of_torch_is_refused(folder: Path) -> None:
    models.without_copy(folder)
    models.reseal(folder, framework=Framework("torch", "1.13.0"))

    with pytest.raises(Failure, match="versionPolicy") as refused:
        load(bundle.read(folder), Trust(VersionPolicy.SAME_MINOR, allow_pickle=True))

    assert refused.value.reason is Reason.VERSION_MISMATCH


class Malicious:
    """Unpickles by running a script."""

    def __init__(self, script: str) -> None:
        self.script = script

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.script,)


def malicious(folder: Path, log: Path) -> str:
    """Put a pickle that calls somebody into a bundle's archive; returns the digest."""
    script = f"""
import socket
try:
    socket.create_connection(("127.0.0.1", 9))
except OSError as error:
    open({str(log)!r}, "w").write(type(error).__name__)
"""
    models.without_copy(folder)
    pickled = io.BytesIO()
    torch.save(Malicious(script), pickled)
    with zipfile.ZipFile(folder / "model.pt2") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (victim,) = (name for name in parts if name.endswith("data/sample_inputs/model.pt"))
    with zipfile.ZipFile(folder / "model.pt2", "w") as archive:
        for name, content in (parts | {victim: pickled.getvalue()}).items():
            archive.writestr(name, content)
    return models.reseal(folder)

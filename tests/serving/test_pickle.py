"""A pickle is loaded only if its digest is pinned and the user allows it, and then without a way to the network."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from contender_serving import bundle
from contender_serving.loaders import load
from contender_serving.trust import Trust
from tests import models
from tests.serving.process import Server

# What the pickle below runs while it is loaded: each way out, and what became of it.
ATTEMPTS = """
import ctypes, json, os, socket, subprocess, sys, threading

outcomes = {{}}

def attempt(name, escape):
    try:
        escape()
        outcomes[name] = "escaped"
    except Exception as error:
        outcomes[name] = type(error).__name__

def from_a_thread(escape):
    raised = []
    def run():
        try:
            escape()
        except Exception as error:
            raised.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]

def connect():
    socket.create_connection(("127.0.0.1", {port}), timeout=5)

def from_a_child():
    script = "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
    subprocess.run([sys.executable, "-c", script], check=True, stderr=subprocess.DEVNULL)

def from_a_socket_of_the_server():
    for number in range(3, 256):
        try:
            theirs = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if theirs.family == socket.AF_INET:
            return theirs.connect(("127.0.0.1", {port}))
    raise LookupError

def by_io_uring():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "")

attempt("connect", connect)
attempt("thread", lambda: from_a_thread(connect))
attempt("child", from_a_child)
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port})))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("taken", from_a_socket_of_the_server)
attempt("io_uring", by_io_uring)
open({log!r}, "w").write(json.dumps(outcomes))
import joblib
model = joblib.load({model!r})
"""


class Malicious:
    """Unpickles to what a script leaves as `model`."""

    def __init__(self, script: str) -> None:
        self.script = script

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"[scope := {{}}, exec({self.script!r}, scope), scope['model']][-1]",)


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """Somebody who waits to be called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def write(path: Path) -> str:
    models.good_v1(path, format="pickle")
    return models.without_copy(path)


def replaced(path: Path, script: str) -> str:
    """Put a malicious pickle in the place of a good one."""
    joblib.dump(Malicious(script), path / "model.pkl")
    return models.reseal(path)


def test_a_pickle_cannot_reach_the_network_and_is_served(
    serve: Callable[..., Server], stranger: socket.socket, tmp_path: Path
) -> None:
    path, log = tmp_path / "bundle", tmp_path / "log.json"
    write(path)
    (path / "model.pkl").rename(tmp_path / "good.pkl")
    script = ATTEMPTS.format(port=stranger.getsockname()[1], log=str(log), model=str(tmp_path / "good.pkl"))
    digest = replaced(path, script)

    server = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest, CONTENDER_ALLOW_PICKLE="true")
    server.wait_until_ready()
    rows, labels = models.digits()
    answer = server.infer(models.v2_request(rows[:3])).json()

    assert json.loads(log.read_text()) == {
        "connect": "PermissionError",
        "thread": "PermissionError",
        "child": "CalledProcessError",
        "udp": "PermissionError",
        "unix": "PermissionError",
        "taken": "PermissionError",
        "io_uring": "PermissionError",
    }
    with pytest.raises(BlockingIOError):
        stranger.accept()
    assert answer["outputs"][0]["data"] == labels[:3].tolist()
    assert server.get("/v2/models/churn").json()["platform"] == "pickle"


def test_without_the_users_word_a_pickle_is_not_even_opened(serve: Callable[..., Server], tmp_path: Path) -> None:
    path, log = tmp_path / "bundle", tmp_path / "log"
    write(path)
    digest = replaced(path, f"model = open({str(log)!r}, 'w')")

    server = serve(tmp_path, CONTENDER_MODEL_DIGEST=digest)

    assert server.exit_code() == 1
    assert server.failure()["reason"] == "PickleRefused"
    assert "allowPickle" in server.failure()["message"]
    assert not log.exists()


def test_a_pickle_is_allowed_only_with_its_digest(serve: Callable[..., Server], tmp_path: Path) -> None:
    write(tmp_path / "bundle")

    server = serve(tmp_path, CONTENDER_ALLOW_PICKLE="true")

    assert server.exit_code() == 1
    assert "CONTENDER_MODEL_DIGEST" in server.failure()["message"]


def test_a_pickle_with_an_equal_onnx_copy_is_served_without_being_opened(tmp_path: Path) -> None:
    models.good_v1(tmp_path / "bundle", format="pickle")
    replaced(tmp_path / "bundle", "raise SystemExit")

    predictor = load(bundle.read(tmp_path / "bundle"), Trust(allow_pickle=False))

    rows, labels = models.digits()
    assert predictor.platform == "onnx_onnxv1"
    np.testing.assert_array_equal(predictor.predict({"input_0": rows[:3]}, ["predict"])["predict"], labels[:3])

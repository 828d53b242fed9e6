"""MLServer and ours, each on loopback, serving the same fitted estimators."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import urllib3

from benchmarks.serving.environments import python
from tests.serving.process import Server, free_ports, wait_until

_RUNTIME = "mlserver_sklearn.SKLearnModel"
_AGAIN = urllib3.Retry(3, allowed_methods=None)  # MLServer closes connections that were idle for five seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the JSON that came with it."""

    status: int
    body: Any

    def output(self, name: str) -> list[Any]:
        """The elements of an output, whatever its shape."""
        (data,) = [output["data"] for output in self.body["outputs"] if output["name"] == name]
        flat: list[Any] = data
        return flat


class Peer:
    """A server of Open Inference Protocol V2."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._http = urllib3.PoolManager(maxsize=1, retries=_AGAIN, timeout=60)

    def infer(self, model: str, content: bytes, headers: dict[str, str]) -> Answer:
        """One V2 inference."""
        path = f"{self._base}/v2/models/{model}/infer"
        answer = self._http.request("POST", path, body=content, headers=headers)
        try:
            return Answer(answer.status, json.loads(answer.data))
        except ValueError:
            return Answer(answer.status, None)

    def is_ready(self) -> bool:
        """Whether its model is."""
        try:
            return self._http.request("GET", f"{self._base}/v2/health/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False


@contextmanager
def mlserver(models: dict[str, Any], folder: Path) -> Iterator[Peer]:
    """MLServer with these estimators."""
    for name, estimator in models.items():
        (folder / name).mkdir(parents=True)
        joblib.dump(estimator, folder / name / "model.joblib")
        settings = {"name": name, "implementation": _RUNTIME, "parameters": {"uri": "model.joblib", "version": "1"}}
        (folder / name / "model-settings.json").write_text(json.dumps(settings))
    ports = (*free_ports(), *free_ports())
    names = ("http_port", "grpc_port", "metrics_port")
    server = {"host": "127.0.0.1", "parallel_workers": 0} | dict(zip(names, ports, strict=False))
    (folder / "settings.json").write_text(json.dumps(server))
    interpreter = python("mlserver")
    with (folder / "log").open("w") as log:
        command = [interpreter.with_name("mlserver"), "start", folder]
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    peer = Peer(ports[0])
    try:
        wait_until(lambda: process.poll() is not None or peer.is_ready())
        assert process.poll() is None, (folder / "log").read_text()
        yield peer
    finally:
        process.kill()
        process.wait()


@contextmanager
def ours(name: str, folder: Path) -> Iterator[Peer]:
    """Ours with the bundle that lies in `folder`, under this name."""
    server = Server(folder, folder / "termination-log", {"CONTENDER_MODEL_NAME": name, "CONTENDER_GRPC_PORT": "0"})
    try:
        server.wait_until_ready()
        yield Peer(server.port)
    finally:
        server.close()

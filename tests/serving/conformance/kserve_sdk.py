"""KServe's SDK against a real server. `make test-kserve-sdk` runs it: the SDK has an environment of its own.

It brings 60 packages, among them pandas below 3 and a Kubernetes client.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving.environments import python
from tests import models
from tests.serving.process import Server

ROWS = models.digits()[0][:3]


@pytest.fixture(scope="module")
def server(served: Callable[[str], Server]) -> Server:
    """A model of digits."""
    return served("good_v1")


@pytest.fixture(scope="module")
def answers(server: Server) -> Any:
    """What the SDK got."""
    script = Path(__file__).with_name("kserve_client.py")
    arguments = [str(server.port), str(server.grpc_port), json.dumps(ROWS.tolist())]
    run = subprocess.run([str(python("kserve")), str(script), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("question", ["live", "ready", "model ready"])
def test_the_server_is_there_and_ready_in_every_protocol(answers: Any, question: str) -> None:
    assert set(answers[question]) == {True}


@pytest.mark.parametrize("way", ["V1", "V2 in JSON", "V2 as bytes", "gRPC typed", "gRPC as bytes"])
def test_every_way_gets_the_same_labels(server: Server, answers: Any, way: str) -> None:
    expected = server.infer(models.v2_request(ROWS, ["predict"])).json()["outputs"][0]["data"]

    assert answers[way] == expected


def test_a_refusal_reaches_the_caller_in_words(answers: Any) -> None:
    assert "[-1, 64]" in answers["a refusal"]

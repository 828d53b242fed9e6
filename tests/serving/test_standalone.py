"""`contender-serve path/to/bundle`: verified and served by one command, where its author sits."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from tests import models
from tests.serving.process import PATIENCE, free_ports, wait_until

COMMAND = "import sys; from contender_serving.__main__ import serve_folder; sys.exit(serve_folder())"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def serve(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield serve
    for process in processes:
        process.kill()
        process.communicate()


def test_a_bundle_is_served_from_its_folder_on_any_port(start: Start, tmp_path: Path) -> None:
    models.good_v1(tmp_path / "digits")
    port, _ = free_ports()
    process = start(tmp_path / "digits", "--port", port)
    ready = f"http://127.0.0.1:{port}/v2/health/ready"

    def answers() -> bool:
        assert process.poll() is None
        try:
            return urllib3.request("GET", ready, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    wait_until(answers)
    rows, labels = models.digits()
    answer = urllib3.request(
        "POST", f"http://127.0.0.1:{port}/v2/models/digits/infer", body=models.v2_request(rows[:2])
    ).json()
    process.terminate()

    assert answer["outputs"][0]["data"] == labels[:2].tolist()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--digest", "sha256:" + "0" * 64], "DigestMismatch"),
        (["--allow-pickle"], "InvalidSettings"),
        (["--version-policy", "Any"], "InvalidSettings"),
    ],
)
def test_what_it_is_told_is_heeded(
    start: Start, arguments: list[str], reason: str, volumes: Callable[[str], Path]
) -> None:
    process = start(volumes("copied") / "bundle", "--port", 0, *arguments)
    _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert f'"reason": "{reason}"' in errors

"""The server's own OpenAPI document: it is valid, complete, and what it says is so, tried by schemathesis."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from contender_serving import openapi
from contender_serving.tensors import NUMPY, Signature, TensorSpec
from tests.serving.process import Server

Served = Callable[[str], Server]

CONFIG = """
[checks]
# A shape that its data does not have cannot be told in a schema: 400 is a right answer to what agrees with it.
positive_data_acceptance.expected-statuses = ["2XX", "400"]
"""


@pytest.fixture(scope="module", params=["onnx", "identity"])
def server(request: pytest.FixtureRequest, served: Served) -> Server:
    """A model of one input, and one of every datatype. Neither raises, whatever it is given."""
    return served(request.param)


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    """What the server says of itself."""
    return server.get("/openapi.json").json()


def test_the_document_is_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("nullable", [True, False])
def test_every_signature_has_a_valid_document(nullable: bool) -> None:
    specs = [TensorSpec(f"a b/{datatype}", datatype, (-1, -1, 2), nullable) for datatype in NUMPY]

    made = openapi.document("a/b c", "1/2", Signature(tuple(specs), tuple(specs)))

    OpenAPIV31SpecValidator(made).validate()
    assert "/v2/models/a%2Fb%20c/versions/1%2F2/infer" in made["paths"]


def test_the_example_is_answered(server: Server, document: Any) -> None:
    operation = document["paths"]["/v2/models/churn/infer"]["post"]

    answer = server.infer(operation["requestBody"]["content"]["application/json"]["example"])

    assert answer.status == 200, answer.data


def test_every_path_of_the_document_is_there(server: Server, document: Any) -> None:
    for path, methods in document["paths"].items():
        for method in methods:
            answer = server.get(path) if method == "get" else server.post(path, b"{}")
            assert answer.status in (200, 400), path


def test_the_page_asks_no_other_host(server: Server) -> None:
    page = server.get("/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'; connect-src 'self'" in page.headers["content-security-policy"]
    assert b"openapi.json" in page.data
    assert b"//" not in page.data.replace(b"// Text only", b"")


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        pytest.param("onnx", ("--phases", "examples,coverage,fuzzing"), id="every path"),
        pytest.param(
            "identity", ("--phases", "fuzzing", "--include-path", "/v2/models/churn/infer"), id="every datatype"
        ),
    ],
)
def test_what_the_document_allows_is_answered_and_what_it_forbids_refused(
    served: Served, tmp_path: Path, name: str, limits: tuple[str, ...]
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [str(Path(sys.executable).with_name("st")), "--config-file", "schemathesis.toml", "run", "--no-color"]
    limits = (*limits, "--max-examples", "10", "--generation-deterministic")
    url = f"http://127.0.0.1:{served(name).port}/openapi.json"

    run = subprocess.run([*command, *limits, url], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert served(name).get("/v2/health/ready").status == 200

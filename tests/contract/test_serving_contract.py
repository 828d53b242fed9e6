"""docs/serving-contract.md is kept by both sides: what it lists is what a real server has, and the other way round."""

import asyncio
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import aiohttp
import pytest

from contender.measure.answers import recording
from contender.observation import Recording
from contender_serving.settings import fetch_settings, serve_settings
from tests import models
from tests.serving.process import Server

PAGE = (Path(__file__).parents[2] / "docs" / "serving-contract.md").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    volume = tmp_path_factory.mktemp("volume")
    models.good_v1(volume / "bundle")
    running = Server(volume, volume / "termination-log", {})
    running.wait_until_ready()
    yield running
    running.close()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_metrics_listed_are_the_metrics_served(server: Server) -> None:
    server.infer(models.v2_request(models.digits()[0][:1]))
    exposed = server.get("/metrics").data.decode()
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", section("Metrics"), re.MULTILINE)

    assert {(name, kind) for name, kind, _ in listed} == set(re.findall(r"^# TYPE (\S+) (\S+)", exposed, re.MULTILINE))
    for name, _, labels in listed:
        samples = re.findall(rf"^{name}(?:_sum)?(?:{{(.*)}})? ", exposed, re.MULTILINE)
        found = {label for sample in samples for label in re.findall(r'(\w+)="', sample)}
        assert found == set(labels.replace(",", "").split()) or not samples, name


def test_every_path_listed_is_there(server: Server) -> None:
    paths = re.findall(r"^\| `(GET|POST) (/\S+)`", section("Paths"), re.MULTILINE)

    assert len(paths) > 5
    for method, path in paths:
        real = path.replace("{model}", "churn")
        answer = server.get(real) if method == "GET" else server.post(real, b"{}")
        assert answer.status == (400 if method == "POST" and "{model}" in path else 200), path


def test_the_operator_reads_how_a_real_server_answered(server: Server) -> None:
    async def read() -> Recording:
        async with aiohttp.ClientSession() as session:
            return await recording(session, f"127.0.0.1:{server.port}")

    asyncio.run(read())
    body = models.v2_request(models.digits()[0][:1])
    for model in ("churn", "other"):
        server.post(f"/v2/models/{model}/infer", body, **{"x-request-id": model})
    answers = asyncio.run(read()).answers
    ids = [blake2b(model.encode(), digest_size=8).hexdigest() for model in ("churn", "other")]

    assert [(answer.request, answer.status) for answer in answers] == list(zip(ids, (200, 404), strict=True))
    assert answers[0].number < answers[1].number
    assert all(answer.age < 60 and answer.seconds < 60 for answer in answers)


class Asked(dict[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self) -> None:
        super().__init__(CONTENDER_MODEL_URI="https://host/folder/", CONTENDER_MODEL_DIGEST="sha256:0")
        self.names: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names.add(key)
        return super().get(key, default)


def test_the_environment_listed_is_the_environment_read() -> None:
    fetching, serving = Asked(), Asked()
    fetch_settings(fetching)
    serve_settings(serving)

    rows = re.findall(r"^\| (`CONTENDER_[^|]*) \| ([a-z, ]+) \|", section("Environment"), re.MULTILINE)
    listed = [(name, users) for names, users in rows for name in re.findall(r"`(\w+)`", names)]
    assert {name for name, users in listed if "fetch" in users} == fetching.names
    assert {name for name, users in listed if "serve" in users} == serving.names

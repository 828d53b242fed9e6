"""A server's life: live at once, ready when proved, never blocked by its model, gone without a lost request."""

import os
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contender_serving.bundle import MANIFEST
from tests import models
from tests.serving.process import PATIENCE, Server, wait_until

Serve = Callable[..., Server]
Volumes = Callable[[str], Path]


def in_flight(server: Server) -> float:
    lines = server.get("/metrics").data.decode()
    return float(re.findall(r"^contender_serving_requests_in_flight (\S+)", lines, re.MULTILINE)[0])


def test_live_before_ready(serve: Serve, volumes: Volumes, tmp_path: Path) -> None:
    shutil.copytree(volumes("slow") / "bundle", tmp_path / "bundle")
    manifest = tmp_path / "bundle" / MANIFEST
    content = manifest.read_bytes()
    manifest.unlink()
    os.mkfifo(manifest)  # whoever reads it waits until somebody writes it
    server = serve(tmp_path)

    server.wait_until_live()

    assert server.get("/v2/health/ready").status == 503
    assert server.get("/v2/health/ready").json() == {"ready": False, "live": False}
    assert server.infer(b"{}").status == 503
    manifest.write_bytes(content)
    server.wait_until_ready()


def test_health_answers_while_the_model_is_busy(served: Callable[[str], Server]) -> None:
    server = served("slow")

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.infer, models.v2_request(models.digits()[0][:100]))
        health = [server.get(f"/v2/health/{kind}").status for kind in ("live", "ready") * 5]
        still_busy = not slow.done()

        assert slow.result().status == 200

    assert health == [200] * 10
    assert still_busy


def test_requests_in_flight_end_before_the_process_does(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("slow"), CONTENDER_DRAIN_TIMEOUT=str(PATIENCE))
    server.wait_until_ready()

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.infer, models.v2_request(models.digits()[0][:60]))]  # which holds up the others
        wait_until(lambda: in_flight(server) == 1)
        answers += [pool.submit(server.infer, models.v2_request(models.digits()[0][:1])) for _ in range(3)]
        wait_until(lambda: in_flight(server) == 4)
        server.terminate()
        statuses = [answer.result().status for answer in answers]

    assert statuses == [200] * 4
    assert server.exit_code() == 0


def test_traffic_that_heeds_readiness_loses_nothing(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("good_v1"), CONTENDER_DRAIN_DELAY="60")
    server.wait_until_ready()
    unready = threading.Event()
    statuses: list[int] = []

    def client() -> None:
        while not unready.is_set():
            statuses.append(server.infer(models.v2_request(models.digits()[0][:1])).status)

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        wait_until(lambda: len(statuses) > 50)
        server.terminate()
        wait_until(lambda: server.get("/v2/health/ready").status == 503)
        served_before = len(statuses)
        wait_until(lambda: len(statuses) > served_before + 20)
        farewell = server.infer(models.v2_request(models.digits()[0][:1]))
        unready.set()
        for ended in clients:
            ended.result()
        server.terminate()  # a second signal ends the delay

    assert set(statuses) == {200}
    assert farewell.headers["connection"] == "close", "clients are to connect anew, which leads elsewhere"
    assert server.exit_code() == 0


def test_a_model_that_does_not_predict_what_it_did_is_never_ready(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("never_ready"))

    assert server.exit_code() == 1
    assert server.failure()["reason"] == "GoldenMismatch"


def test_another_digest_than_the_pinned_one_is_not_loaded(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("good_v1"), CONTENDER_MODEL_DIGEST="sha256:" + "0" * 64)

    assert server.exit_code() == 1
    assert server.failure()["reason"] == "DigestMismatch"


def test_a_file_changed_after_its_fetch_is_not_loaded(serve: Serve, tmp_path: Path) -> None:
    models.good_v1(tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.skops"
    model.write_bytes(model.read_bytes()[:-1] + b"!")

    server = serve(tmp_path)

    assert server.exit_code() == 1
    assert server.failure()["reason"] == "FileCorrupt"


def test_a_volume_without_a_bundle_says_so(serve: Serve, tmp_path: Path) -> None:
    server = serve(tmp_path)

    assert server.exit_code() == 1
    assert server.failure()["reason"] == "ModelNotFound"


def test_a_setting_that_is_no_number_is_named(serve: Serve, volumes: Volumes) -> None:
    server = serve(volumes("good_v1"), CONTENDER_PORT="eighty")

    assert server.exit_code() == 1
    assert server.failure() == {
        "reason": "InvalidSettings",
        "message": "CONTENDER_PORT must be a whole number, like 8080",
    }

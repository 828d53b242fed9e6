"""The init container against a real web server and a real folder: what it publishes, and what it says if it cannot."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender_serving import bundle
from contender_serving.failures import Failure, Reason
from contender_serving.fetch import download, fetch
from contender_serving.settings import FetchSettings, fetch_settings
from tests import models
from tests.serving.origin import Origin

Volumes = Callable[[str], Path]


@pytest.fixture
def uploaded(origin: Origin, volumes: Volumes) -> str:
    """A good bundle at the origin; its digest."""
    shutil.copytree(volumes("good_v1") / "bundle", origin.folder, dirs_exist_ok=True)
    return bundle.read(origin.folder).digest


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (0.0,) * len(download.PAUSES))


def settings(volume: Path, uri: str, digest: str, **env: str) -> FetchSettings:
    return fetch_settings(
        {"CONTENDER_MODEL_URI": uri, "CONTENDER_MODEL_DIGEST": digest, "CONTENDER_MODEL_DIR": str(volume)} | env
    )


def refused(wanted: FetchSettings) -> Failure:
    with pytest.raises(Failure) as caught:
        fetch(wanted)
    assert not (wanted.model_dir / "bundle").exists(), "half a bundle was published"
    return caught.value


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Edit contender.yaml by hand; returns the new digest."""
    content = yaml.safe_load((folder / "contender.yaml").read_text())
    change(content)
    (folder / "contender.yaml").write_text(yaml.safe_dump(content))
    return bundle.digest_of((folder / "contender.yaml").read_bytes())


def test_a_bundle_is_published_whole(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    folder = fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    bundle.verify(bundle.read(folder), uploaded)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in origin.folder.iterdir())


def test_a_second_run_asks_for_nothing(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    fetch(settings(tmp_path / "volume", origin.uri, uploaded))
    origin.asked.clear()

    fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    assert origin.asked == []


def test_a_published_bundle_that_was_damaged_is_replaced(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    folder = fetch(settings(tmp_path / "volume", origin.uri, uploaded))
    (folder / "model.skops").write_bytes(b"damaged")

    fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    bundle.verify(bundle.read(folder), uploaded)


def test_a_download_that_breaks_off_goes_on_where_it_was(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    origin.faults["model.skops"] = ["cut", "cut"]

    folder = fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    bundle.verify(bundle.read(folder), uploaded)
    starts = [wanted for path, wanted in origin.asked if path == "model.skops"]
    size = (origin.folder / "model.skops").stat().st_size
    assert starts == [None, f"bytes={size // 2}-", f"bytes={size // 2 + (size - size // 2) // 2}-"]


def test_a_container_that_starts_again_resumes_what_the_last_one_left(
    origin: Origin, uploaded: str, tmp_path: Path
) -> None:
    origin.faults["model.skops"] = ["cut", *[503] * 5]
    refused(settings(tmp_path / "volume", origin.uri, uploaded))
    origin.asked.clear()

    fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    assert ("model.skops", f"bytes={(origin.folder / 'model.skops').stat().st_size // 2}-") in origin.asked


def test_a_server_without_ranges_is_read_from_the_start(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    origin.ranges = False
    origin.faults["model.skops"] = ["cut"]

    folder = fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    bundle.verify(bundle.read(folder), uploaded)


def test_a_left_over_beginning_of_another_upload_is_thrown_away(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    incoming = tmp_path / "volume" / ".incoming" / uploaded.removeprefix("sha256:")
    incoming.mkdir(parents=True)
    (incoming / "model.skops.part").write_bytes(b"of another upload")

    folder = fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    bundle.verify(bundle.read(folder), uploaded)


def test_a_server_that_is_away_for_a_moment_is_asked_again(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    origin.faults["contender.yaml"] = [503, 429, 500]

    fetch(settings(tmp_path / "volume", origin.uri, uploaded))

    assert [path for path, _ in origin.asked].count("contender.yaml") == 4


@pytest.mark.parametrize(
    ("status", "reason", "asked"),
    [
        pytest.param(404, Reason.MODEL_NOT_FOUND, 1, id="not there"),
        pytest.param(403, Reason.MODEL_UNREADABLE, 1, id="forbidden"),
        pytest.param(503, Reason.MODEL_UNREADABLE, 5, id="away for long"),
    ],
)
def test_a_status_has_its_reason_and_its_patience(
    origin: Origin, uploaded: str, tmp_path: Path, status: int, reason: Reason, asked: int
) -> None:
    origin.faults["contender.yaml"] = [status] * 10

    failure = refused(settings(tmp_path / "volume", origin.uri, uploaded))

    assert failure.reason is reason
    assert str(status) in failure.message or "does not exist" in failure.message
    assert [path for path, _ in origin.asked].count("contender.yaml") == asked


def test_a_host_that_does_not_answer_is_unreadable(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        failure = refused(settings(tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}/x/", "sha256:0"))

    assert failure.reason is Reason.MODEL_UNREADABLE


@pytest.mark.parametrize(
    "uri", ["store/model", "s3://bucket/model", "https://", "pvc://", "http://[", "https://host/model?version=7", ""]
)
def test_a_uri_that_is_none_says_what_to_write(tmp_path: Path, uri: str) -> None:
    with pytest.raises(Failure, match=r"https://host/folder/|CONTENDER_MODEL_URI") as caught:
        fetch(settings(tmp_path, uri, "sha256:0"))

    assert caught.value.reason in (Reason.MODEL_UNREADABLE, Reason.INVALID_SETTINGS)


def test_another_manifest_than_the_pinned_one_is_refused(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    pinned = "sha256:" + "0" * 64

    failure = refused(settings(tmp_path / "volume", origin.uri, pinned))

    assert failure.reason is Reason.DIGEST_MISMATCH
    assert uploaded in failure.message
    assert pinned in failure.message


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        pytest.param(lambda content: content[:-10], "shorter", id="truncated"),
        pytest.param(lambda content: content + b"more", "bytes", id="too long"),
        pytest.param(lambda content: content[:-4] + b"evil", "sha256", id="changed"),
    ],
)
def test_a_file_that_is_not_the_listed_one_is_corrupt(
    origin: Origin, uploaded: str, tmp_path: Path, damage: Callable[[bytes], bytes], word: str
) -> None:
    model = origin.folder / "model.skops"
    model.write_bytes(damage(model.read_bytes()))

    failure = refused(settings(tmp_path / "volume", origin.uri, uploaded))

    assert failure.reason is Reason.FILE_CORRUPT
    assert "model.skops" in failure.message
    assert word in failure.message


def test_a_listed_file_that_is_missing_is_not_found(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    (origin.folder / "golden.json").unlink()

    assert refused(settings(tmp_path / "volume", origin.uri, uploaded)).reason is Reason.MODEL_NOT_FOUND


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "./evil", "a\\..\\evil", "contender.yaml", "evil.part", ""]
)
def test_a_path_may_not_leave_the_bundle(origin: Origin, uploaded: str, tmp_path: Path, path: str) -> None:
    evil = {"path": path, "size": 0, "sha256": hashlib.sha256().hexdigest()}
    digest = change_manifest(origin.folder, lambda content: content["files"].append(evil))

    assert refused(settings(tmp_path / "volume", origin.uri, digest)).reason is Reason.INVALID_BUNDLE
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param("{", "not YAML", id="no yaml"),
        pytest.param("- 1", "object", id="no mapping"),
        pytest.param("name: x", "version", id="a field is missing"),
    ],
)
def test_a_manifest_that_is_none_says_what_is_wrong(origin: Origin, tmp_path: Path, content: str, word: str) -> None:
    (origin.folder / "contender.yaml").write_text(content)

    failure = refused(settings(tmp_path / "volume", origin.uri, bundle.digest_of(content.encode())))

    assert failure.reason is Reason.INVALID_BUNDLE
    assert word in failure.message


def test_a_format_that_is_not_served_is_refused(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    digest = change_manifest(origin.folder, lambda content: content.update(format="joblib"))

    failure = refused(settings(tmp_path / "volume", origin.uri, digest))

    assert failure.reason is Reason.UNSUPPORTED_FORMAT
    assert "sklearn, onnx" in failure.message


def test_another_format_than_the_spec_says_is_refused(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    wanted = settings(tmp_path / "volume", origin.uri, uploaded, CONTENDER_MODEL_FORMAT="onnx")

    assert refused(wanted).reason is Reason.FORMAT_MISMATCH


def test_a_model_larger_than_its_memory_is_not_downloaded(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    wanted = settings(tmp_path / "volume", origin.uri, uploaded, CONTENDER_MEMORY_LIMIT="1000")

    assert refused(wanted).reason is Reason.MODEL_TOO_LARGE
    assert [path for path, _ in origin.asked] == ["contender.yaml"]


def test_a_model_larger_than_its_volume_is_not_downloaded(origin: Origin, uploaded: str, tmp_path: Path) -> None:
    def grow(content: dict[str, Any]) -> None:
        next(file for file in content["files"] if file["path"] == "model.skops")["size"] = 10**18

    digest = change_manifest(origin.folder, grow)

    assert refused(settings(tmp_path / "volume", origin.uri, digest)).reason is Reason.MODEL_TOO_LARGE
    assert [path for path, _ in origin.asked] == ["contender.yaml"]


def test_credentials_and_queries_are_not_shown(origin: Origin, tmp_path: Path) -> None:
    uri = origin.uri.replace("http://", "http://user:secret@")

    failure = refused(settings(tmp_path / "volume", uri, "sha256:0"))

    assert "secret" not in failure.message


def test_a_folder_on_a_claim_is_read(volumes: Volumes, tmp_path: Path) -> None:
    shutil.copytree(volumes("good_v1") / "bundle", tmp_path / "pvc" / "teams" / "churn")
    digest = bundle.read(tmp_path / "pvc" / "teams" / "churn").digest

    wanted = settings(tmp_path / "volume", "pvc://store/teams/churn", digest, CONTENDER_PVC_ROOT=str(tmp_path / "pvc"))

    bundle.verify(bundle.read(fetch(wanted)), digest)


def test_a_folder_that_is_not_on_the_claim_is_unreadable(tmp_path: Path) -> None:
    wanted = settings(tmp_path / "volume", "pvc://store/nowhere", "sha256:0", CONTENDER_PVC_ROOT=str(tmp_path))

    assert refused(wanted).reason is Reason.MODEL_UNREADABLE


def test_a_link_may_not_lead_out_of_the_claim(tmp_path: Path) -> None:
    models.good_v1(tmp_path / "elsewhere")
    (tmp_path / "pvc").mkdir()
    (tmp_path / "pvc" / "churn").symlink_to(tmp_path / "elsewhere")

    wanted = settings(tmp_path / "volume", "pvc://store/churn", "sha256:0", CONTENDER_PVC_ROOT=str(tmp_path / "pvc"))

    assert refused(wanted).reason is Reason.INVALID_BUNDLE


def test_the_process_leaves_its_reason_where_kubernetes_looks(origin: Origin, tmp_path: Path) -> None:
    env = {
        "CONTENDER_MODEL_URI": origin.uri,
        "CONTENDER_MODEL_DIGEST": "sha256:0",
        "CONTENDER_MODEL_DIR": str(tmp_path),
        "CONTENDER_TERMINATION_LOG": str(tmp_path / "log"),
    }

    ended = subprocess.run(
        [sys.executable, "-m", "contender_serving", "fetch"],
        env=os.environ | env,
        capture_output=True,
        check=False,
        text=True,
    )

    assert ended.returncode == 1
    assert json.loads((tmp_path / "log").read_text())["reason"] == "ModelNotFound"
    assert ended.stderr.strip() == (tmp_path / "log").read_text()

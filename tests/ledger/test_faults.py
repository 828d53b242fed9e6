"""Databases that go away, disks that fill, processes that are killed: what was acknowledged is counted, once."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from tests.ledger.conftest import running
from tests.ledger.postgres import Postgres
from tests.ledger.process import Ledger, Mounts
from tests.ledger.soak import soaked
from tests.serving.process import wait_until

MEBIBYTE = 2**20


def body(ledger: Ledger, labels: int) -> bytes:
    """So many labels, each of a receipt of its own, as CSV."""
    sealer = ledger.sealer("churn")
    return ("receipt,label\n" + "".join(f"{sealer.seal(1)},1\n" for _ in range(labels))).encode()


def test_a_killed_ledger_has_counted_each_acknowledged_label_once(database: str, mounts: Mounts) -> None:
    """The short form of `make soak-ledger`."""
    soaked(database, mounts, labels=20_000, kills=3, seed=7)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_database_that_goes_away_is_said_and_its_coming_is_noticed(
    server: Postgres, mounts: Mounts, how: signal.Signals
) -> None:
    with running(server.database(), mounts) as ledger:
        sent = [body(ledger, 10) for _ in range(2)]
        assert ledger.send("churn", sent[0], "text/csv").json()["taken"] == 10
        server.stop(how)
        try:
            away = ledger.send("churn", sent[1], "text/csv")
            ready, live = ledger.get("/readyz").status, ledger.get("/healthz").status
        finally:
            server.start()
        back = ledger.send("churn", sent[1], "text/csv").json()

        assert (away.status, away.headers["Retry-After"], ready, live) == (503, "2", 503, 200)
        assert back["taken"] == 10
        assert ledger.labelled("churn") == 20


def test_a_ledger_may_start_before_its_database(server: Postgres, mounts: Mounts) -> None:
    url = server.database()
    server.stop()
    ledger = Ledger(url, mounts)
    try:
        wait_until(lambda: _status(ledger, "/healthz") == 200)
        unready = ledger.get("/readyz").status
        server.start()
        ledger.wait_until_ready()

        assert unready == 503
        assert ledger.send("churn", body(ledger, 5), "text/csv").json()["taken"] == 5
    finally:
        ledger.close()


def _status(ledger: Ledger, path: str) -> int:
    try:
        return ledger.get(path).status
    except urllib3.exceptions.HTTPError:
        return 0


def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path, mounts: Mounts) -> None:
    """On a real file system of 3 MiB, which the ledger alone sees; a file there is removed to make room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ("unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=6m none {disk} && exec "$@"', "sh")
    with running(f"sqlite:///{disk}/ledger.db", mounts, *mounted) as ledger:
        filler = Path(f"/proc/{ledger.process.pid}/root{disk}/filler")
        filler.write_bytes(bytes(4 * MEBIBYTE))
        calls = [body(ledger, 1000) for _ in range(30)]
        answers = [ledger.send("churn", call, "text/csv") for call in calls]
        taken = sum(answer.json().get("taken", 0) for answer in answers)
        refused = [call for call, answer in zip(calls, answers, strict=True) if answer.status != 200]

        assert {answer.status for answer in answers} == {200, 507}
        assert ledger.labelled("churn") == taken
        filler.unlink()
        assert [ledger.send("churn", call, "text/csv").json()["taken"] for call in refused[:2]] == [1000, 1000]
        assert ledger.labelled("churn") == taken + 2000


def test_a_full_queue_asks_to_come_again(ledger: Ledger, deployment: str) -> None:
    """One call of unknown length that is slow to come fills it."""
    come = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b"["
        come.wait(30)
        yield b"]"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ledger.send, deployment, slowly())
        wait_until(lambda: "contender_ledger_waiting_bytes 0.0" not in ledger.get("/metrics").data.decode())
        busy = ledger.send(deployment, b"[]")
        come.set()

        assert slow.result().status == 200
    assert busy.headers["Retry-After"] == "1"
    assert ledger.send(deployment, b"[]").status == 200


def test_what_was_begun_is_finished_when_the_ledger_is_told_to_end(database: str, mounts: Mounts) -> None:
    with running(database, mounts) as ledger:
        before = ledger.labelled("churn")
        sent = body(ledger, 20_000)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ledger.send, "churn", sent, "text/csv")
            wait_until(lambda: "contender_ledger_waiting_bytes 0.0" not in ledger.get("/metrics").data.decode())
            ledger.process.send_signal(signal.SIGTERM)
            told = answer.result().json()
        code = ledger.process.wait(60)
        ledger.start()
        ledger.wait_until_ready()

        assert (told["taken"], code) == (20_000, 0)
        assert ledger.labelled("churn") == before + 20_000


def test_replicas_on_one_postgresql_stay_exact(server: Postgres, mounts: Mounts) -> None:
    """Both get the same labels, and different ones for the same rows, at once."""
    url = server.database()
    with running(url, mounts) as one, running(url, mounts) as other, ThreadPoolExecutor(8) as pool:
        sealer = one.sealer("churn")
        receipts = [sealer.seal("cat") for _ in range(2000)]
        calls = [
            "receipt,label\n" + "".join(f"{receipt},{label}\n" for receipt in receipts[start : start + 400])
            for label in ("cat", "dog", "cow", "cat")
            for start in range(0, 2000, 200)
        ]
        answers = list(
            pool.map(lambda n: (one, other)[n % 2].send("churn", calls[n // 2].encode(), "text/csv").json(), range(80))
        )
        measured = one.evidence("churn", {"measure": "accuracy"})
        raw = [one.evidence("churn", {"measure": "recall", "class": each}) for each in ("cat", "dog", "cow")]

    assert sum(answer["taken"] for answer in answers) == 2000
    assert measured["measures"][0]["exposures"] == 2000
    assert sum(each["measures"][0]["exposures"] for each in raw) == 2000

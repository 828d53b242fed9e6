"""SIGKILL at random moments under load: is every acknowledged label counted exactly once?

Each sender has receipts of its own and sends until an answer acknowledges them, as a client would that must not lose
any; now and then it sends a call again, or another label for the same receipts.
"""

import argparse
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.ledger.conftest import running
from tests.ledger.postgres import postgres
from tests.ledger.process import Ledger, Mounts
from tests.ledger.sealing import now
from tests.serving.process import PATIENCE

SENDERS = 4
LABELS_A_CALL = 500
DEPLOYMENT = "soak"
HOUR = 3_600_000


@dataclass
class Load:
    """What is sent, and what was acknowledged."""

    ledger: Ledger
    labels: int
    dice: random.Random
    acknowledged: dict[str, int] = field(default_factory=lambda: {"right": 0, "wrong": 0})
    told: dict[str, int] = field(default_factory=lambda: {"taken": 0, "replaced": 0, "repeated": 0})
    unanswered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Send all of it; returns when all of it is acknowledged."""
        calls = self.labels // LABELS_A_CALL
        with ThreadPoolExecutor(SENDERS) as pool:
            for future in [pool.submit(self._send, self.dice.random()) for _ in range(calls)]:
                future.result()

    def share(self) -> float:
        """Of all labels, those that are acknowledged."""
        return sum(self.acknowledged.values()) / self.labels

    def _send(self, fate: float) -> None:
        sealer = self.ledger.sealer(DEPLOYMENT)
        served = now() - int(fate * 5 * HOUR)
        receipts = [sealer.seal("right", at=served + n) for n in range(LABELS_A_CALL)]
        self._acknowledged(receipts, "right")
        last = "right"
        if fate < 0.1:
            self._acknowledged(receipts, "right")
        elif fate < 0.2:
            self._acknowledged(receipts, last := "wrong")
        with self.lock:
            self.acknowledged[last] += LABELS_A_CALL

    def _acknowledged(self, receipts: list[str], label: str) -> None:
        body = ("receipt,label\n" + "".join(f"{receipt},{label}\n" for receipt in receipts)).encode()
        deadline = time.monotonic() + PATIENCE
        while not self._answered(body):
            assert time.monotonic() < deadline, "the ledger did not come back"
            time.sleep(0.05)

    def _answered(self, body: bytes) -> bool:
        try:
            answer = self.ledger.send(DEPLOYMENT, body, "text/csv")
        except urllib3.exceptions.HTTPError:
            answer = None
        with self.lock:
            if answer is None or answer.status != 200:
                self.unanswered += 1
                return False
            for outcome in self.told:
                self.told[outcome] += answer.json()[outcome]
        return True


def soaked(database: str, mounts: Mounts, labels: int, kills: int, seed: int) -> Load:
    """Send `labels` while the ledger is killed `kills` times; AssertionError unless the counts are right."""
    dice = random.Random(seed)
    with running(database, mounts) as ledger, ThreadPoolExecutor(1) as pool:
        load = Load(ledger, labels, dice)
        sending = pool.submit(load.run)
        for n in range(kills):
            while load.share() < (n + dice.random()) / (kills + 1) and not sending.done():
                time.sleep(0.01)
            time.sleep(dice.random() * 0.2)
            ledger.kill()
            ledger.start()
        sending.result()
        _check(ledger, load)
    return load


def _check(ledger: Ledger, load: Load) -> None:
    ledger.wait_until_ready()
    right, wrong = load.acknowledged["right"], load.acknowledged["wrong"]
    assert right + wrong == load.labels
    accuracy, of_wrong = {"measure": "accuracy"}, {"measure": "recall", "class": "wrong"}
    counted = {
        "labelled": right + wrong,
        "answers": right + wrong,
        "measures": [{"events": wrong, "exposures": right + wrong}],
    }
    counted["measures"] += [{"events": wrong, "exposures": wrong}]  # type: ignore[operator]

    assert ledger.evidence(DEPLOYMENT, accuracy, of_wrong) == counted
    # A label that was written, but whose answer was lost, is told as repeated when it is sent again.
    assert load.told["taken"] <= load.labels


def main() -> None:
    """`make soak-ledger`: on both databases."""
    parser = argparse.ArgumentParser(prog="make soak-ledger", description=__doc__)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="contender-soak-") as folder, postgres() as server:
        mounts = Mounts.made(Path(folder))
        for name, url in (("SQLite", f"sqlite:///{folder}/ledger.db"), ("PostgreSQL", server.database())):
            began = time.monotonic()
            load = soaked(url, mounts, options.labels, options.kills, seed=int(time.time()))
            print(
                f"{name}: {options.kills} kills, {load.unanswered} calls unanswered and sent again; {options.labels:,} "
                f"acknowledged labels, each counted once ({load.told}), in {time.monotonic() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

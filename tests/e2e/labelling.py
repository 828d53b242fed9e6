"""Those who know, some time later, what was right: requests of which the digit is known, and labels for the answers."""

import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np

from contender import names
from tests import models
from tests.e2e.story import Story
from tests.e2e.test_command_line import contender
from tests.load import Record, Recording

CLAIM = f"data-{names.LEDGER}-0"
FOLDER = "/var/lib/contender-ledgers"  # of the node
LATE = 5.0  # seconds after an answer before its label is known
PAUSE = 2.0  # seconds between two who send labels
USER = 65532


class Digits:
    """A load's bodies, each of one digit that is known."""

    def __init__(self) -> None:
        rows, self._digits = models.digits()
        self._order = np.random.default_rng(0).permutation(len(rows))
        self._bodies = [models.v2_request(rows[place][None]) for place in self._order]

    def __call__(self, number: int) -> bytes:
        return self._bodies[number % len(self._bodies)]

    def of(self, number: int) -> int:
        """The digit that request asked about."""
        return int(self._digits[self._order[number % len(self._order)]])


@dataclass
class Labeller:
    """Sends the label of each answer once, by the command line."""

    story: Story
    digits: Digits
    answers: Recording
    folder: Path
    sent: list[Record] = field(default_factory=list)

    def sends(self, *, before: float | None = None) -> str:
        """Those that are not sent yet, of answers that came before that time; what the command says."""
        known = [record for record in self.answers if record.receipt and record.answered < (before or time.time())]
        new = known[len(self.sent) :]
        self.sent += new
        return self.pushes(new) if new else ""

    def sends_again(self) -> str:
        """All that were sent already."""
        return self.pushes(self.sent)

    def pushes(self, records: list[Record]) -> str:
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["receipt", "label"])
        table.writerows([record.receipt, self.digits.of(record.number)] for record in records)
        file = self.folder / "labels.csv"
        file.write_text(text.getvalue())
        return contender(self.story, "labels", "push", self.story.scene.name, str(file))

    @contextmanager
    def labelling(self) -> Iterator[None]:
        """Labels come, some seconds after their answers, while the block runs."""
        over, failures = Event(), list[BaseException]()

        def work() -> None:
            try:
                while not over.wait(PAUSE):
                    self.sends(before=time.time() - LATE)
            except BaseException as failure:
                failures.append(failure)

        thread = Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failures:
            raise failures[0]


@contextmanager
def volume(story: Story) -> Iterator[None]:
    """What a StorageClass would have made for the ledger's claim: a folder of the node, for the ledger's user."""
    cluster, namespace = story.scene.cluster, story.scene.namespace
    path = f"{FOLDER}/{namespace}"
    cluster.node("mkdir", "-p", path)
    cluster.node("chown", f"{USER}:{USER}", path)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(_volume(namespace, path)))
    try:
        yield
    finally:
        cluster.kubectl("delete", "persistentvolume", f"ledger-{namespace}", "--wait=false")
        cluster.node("rm", "-rf", path)


def _volume(namespace: str, path: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"ledger-{namespace}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": namespace, "name": CLAIM},
            "hostPath": {"path": path, "type": "Directory"},
        },
    }

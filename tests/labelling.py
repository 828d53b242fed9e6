"""Those who know, some time later, what was right, and send it by the command line; and where a ledger keeps it."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from contender import names
from tests.cluster import Cluster
from tests.load import Record, Recording

CLAIM = f"data-{names.LEDGER}-0"
FOLDER = "/var/lib/contender-ledgers"  # of the node
LATE = 5.0  # seconds after an answer before its label is known
PAUSE = 2.0  # seconds between two who send labels
USER = 65532


@dataclass
class Labeller:
    """Sends the label of each answer once."""

    command: Callable[..., str]  # `contender` with these arguments, which must end well; what it says
    deployment: str
    right: Callable[[int], int]  # the label of the request with that number
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
        table.writerows([record.receipt, self.right(record.number)] for record in records)
        file = self.folder / "labels.csv"
        file.write_text(text.getvalue())
        return self.command("labels", "push", self.deployment, str(file))

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


def contender(cluster: Cluster, namespace: str, *arguments: str) -> str:
    """What the command says, which must end well."""
    command = [str(Path(sys.executable).with_name("contender")), *arguments, "--namespace", namespace]
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.returncode}: {ended.stdout}{ended.stderr}"
    return ended.stdout


@contextmanager
def volume(cluster: Cluster, namespace: str) -> Iterator[None]:
    """With a volume for the namespace's ledger while the block runs."""
    make_volume(cluster, namespace)
    try:
        yield
    finally:
        remove_volume(cluster, namespace)


def make_volume(cluster: Cluster, namespace: str) -> None:
    """What a StorageClass would have made for the ledger's claim: a folder of the node, for the ledger's user."""
    path = f"{FOLDER}/{namespace}"
    cluster.node("mkdir", "-p", path)
    cluster.node("chown", f"{USER}:{USER}", path)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(_volume(namespace, path)))


def remove_volume(cluster: Cluster, namespace: str) -> None:
    """Whoever still uses it may end on what is left."""
    cluster.kubectl("delete", "persistentvolume", f"ledger-{namespace}", "--wait=false", "--ignore-not-found")
    cluster.node("rm", "-rf", f"{FOLDER}/{namespace}")


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

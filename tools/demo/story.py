"""The story: v1 serves, v2 is promoted, v3 is caught and sent back, v4 by labels, a revert moves nothing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from contender import names
from tests import labelling, models
from tests.labelling import Labeller
from tests.load import Load, Recording
from tests.load.node_port import door
from tools.demo.screen import Screen
from tools.demo.stage import NAMESPACE, Stage
from tools.demo.view import Json, Told, served, told

NAME = "digits"
NODE_PORT = 30081
RATE = 320.0  # requests per second
FULLY_INKED = 0.1  # of the requests show a digit that v3 fails on
PATIENCE = 240.0  # seconds for one act
LOOK = 1.0  # seconds between two pictures: the machine has better things to do
SPEC: Json = {
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
    "autoscaling": {"minReplicas": 1, "maxReplicas": 1},  # two cores carry it all
    "trial": {
        "steps": [5, 25, 50],
        "soak": "10s",
        "standby": "10s",
        "guardrails": [
            {"measure": "errors", "noWorseThan": 2, "below": 0.01},
            {"measure": "rejected", "noWorseThan": 2, "below": 0.01},
            {"measure": "latency", "over": "250ms", "noWorseThan": 2, "below": 0.01},
            {"measure": "accuracy", "noWorseThan": 2, "below": 0.02},
        ],
    },
    "traffic": {"timeout": "5s"},
}


class Unfinished(Exception):
    """An act did not come to its end in time."""


@dataclass
class Play:
    """The acts, what clients got meanwhile, and what was last told."""

    stage: Stage
    screen: Screen
    recording: Recording = field(default_factory=Recording)
    told: Told = field(default_factory=Told.nothing)
    moved_by_the_revert: frozenset[str] = frozenset()  # pods that came or went

    def run(self) -> None:
        """Play it to its end; raises Unfinished when the cluster does not follow."""
        self._apply("v1")
        self._watch("v1 is applied: the first model serves without a trial", _champion_is("v1"))
        self._kubectl("rollout", "status", f"statefulset/{names.LEDGER}", f"--timeout={PATIENCE:.0f}s")
        requests = Requests()
        with (
            door(self.stage.cluster, NAMESPACE, NAME, NODE_PORT) as base,
            requests.sent_to(base) as self.recording,
            self._labels(requests),
        ):
            self._watch(
                f"{RATE:.0f} requests a second come in; what was right is known {labelling.LATE:.0f} s later",
                lambda _: len(self.recording) > 5 * RATE,
            )
            self._apply("v2")
            self._watch("v2 is applied, a better model: it is tried on live traffic", _champion_is("v2"))
            self._apply("v3")
            self._watch("v3 is applied: slow, and failing on some inputs", _rejected("v3"))
            self._apply("v4")
            self._watch("v4 is applied: quick, without an error, and wrong more often: labels tell", _rejected("v4"))
            before = self._pods()
            self._apply("v2")
            self._watch("v2 is applied again: a revert", self._lasts(5.0, _champion_is("v2")))
            self.moved_by_the_revert = before ^ self._pods()

    @contextmanager
    def _labels(self, requests: "Requests") -> Iterator[None]:
        """While the block runs labels are sent by the command line, as anyone would."""
        with TemporaryDirectory() as folder:
            command = partial(labelling.contender, self.stage.cluster, NAMESPACE)
            labeller = Labeller(command, NAME, requests.right, self.recording, Path(folder))
            with labeller.labelling():
                yield

    def restarts(self) -> int:
        """How often containers of the namespace began anew."""
        pods = json.loads(self._kubectl("get", "pods", "-o", "json"))["items"]
        return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses", ()))

    def _apply(self, version: str) -> None:
        kind = {"apiVersion": names.API_VERSION, "kind": "ModelDeployment", "metadata": {"name": NAME}}
        manifest = {**kind, "spec": {**SPEC, "model": self.stage.models[version].spec}}
        self._kubectl("apply", "-f", "-", input=json.dumps(manifest))

    def _watch(self, title: str, done: Callable[[Told], bool]) -> None:
        self.screen.say(f"\n[bold]{title}[/bold]")
        deadline = time.monotonic() + PATIENCE
        with self.screen.on():
            while True:
                self.told = told(self.stage.cluster, NAMESPACE, NAME)
                self.screen.show(title, self.told, served(self.recording, self.told.versions, time.time()))
                if done(self.told):
                    return
                if time.monotonic() > deadline:
                    raise Unfinished(f"{title}: not within {PATIENCE:.0f} s; {self.told.status.get('message')}")
                time.sleep(LOOK)

    def _lasts(self, seconds: float, is_so: Callable[[Told], bool]) -> Callable[[Told], bool]:
        end = time.monotonic() + seconds
        return lambda told: is_so(told) and time.monotonic() > end

    def _pods(self) -> frozenset[str]:
        """Pods of the champion and of the router."""
        champion = self.told.status["champion"]["variant"]
        selectors = (f"{names.VARIANT}={champion}", f"{names.COMPONENT}={names.ROUTER_COMPONENT}")
        return frozenset(
            pod for selector in selectors for pod in self._kubectl("get", "pods", "-l", selector, "-o", "name").split()
        )

    def _kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 (subprocess calls it so)
        return self.stage.cluster.kubectl("-n", NAMESPACE, *args, input=input)


class Requests:
    """What clients ask, over and over: digits of which some are fully inked where v3 fails."""

    def __init__(self) -> None:
        rows, digits = models.digits()
        known = {row.tobytes(): int(digit) for row, digit in zip(rows, digits, strict=True)}
        asked = models.traffic(2000, {models.FAILING_PIXEL: FULLY_INKED})
        self._right = [known[row.tobytes()] for row in asked]
        self._bodies = [models.v2_request(row[None]) for row in asked]

    def right(self, number: int) -> int:
        """The digit that the request of that number shows."""
        return self._right[number % len(self._right)]

    def sent_to(self, base: str) -> Load:
        bodies = self._bodies
        return Load(f"{base}/v2/models/{NAME}/infer", RATE, lambda number: bodies[number % len(bodies)], pool=256)


def _champion_is(version: str) -> Callable[[Told], bool]:
    def done(told: Told) -> bool:
        quiet = told.status.get("phase") == "Idle" and "rejected" not in told.status
        return quiet and told.status.get("champion", {}).get("version") == version and told.is_current

    return done


def _rejected(version: str) -> Callable[[Told], bool]:
    def done(told: Told) -> bool:
        return told.status.get("rejected", {}).get("version") == version and told.newest.get("phase") == "Rejected"

    return done

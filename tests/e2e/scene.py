"""One ModelDeployment in a namespace of its own, as kubectl and a client see it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contender import names
from tests.cluster import Cluster, Failed
from tests.installation import NAMESPACE as SYSTEM
from tests.installation import OPERATOR_PODS

Json = dict[str, Any]


@dataclass
class Scene:
    cluster: Cluster
    namespace: str
    name: str = "churn"

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002, as subprocess calls it
        return self.cluster.kubectl("-n", self.namespace, *args, input=input)

    def get(self, kind: str, *args: str) -> list[Json]:
        """The objects of a kind, by kubectl's own selection arguments."""
        found: list[Json] = json.loads(self.kubectl("get", kind, *args, "-o", "json"))["items"]
        return found

    def deployment(self) -> Json:
        found: Json = json.loads(self.kubectl("get", "modeldeployment", self.name, "-o", "json"))
        return found

    def status(self) -> Json:
        status: Json = self.deployment().get("status", {})
        return status

    def condition(self, kind: str) -> Json:
        return condition(self.status(), kind)

    def trials(self) -> list[Json]:
        """Trials, oldest first."""
        return sorted(self.get("trials"), key=lambda trial: int(trial["metadata"]["name"].rpartition("-")[2]))

    def trial(self) -> Json:
        """The newest Trial."""
        trials = self.trials()
        assert trials, "there is no Trial"
        return trials[-1]

    def variant(self, model: Json) -> str:
        """The hash of the variant that serves `model` here."""
        return names.variant_hash(model, self.deployment()["spec"]["runtime"])

    def pods(self, variant: str) -> list[Json]:
        """A variant's pods that are not on their way out."""
        return [pod for pod in self.get("pods", "-l", f"{names.VARIANT}={variant}") if is_staying(pod)]

    def pod_uids(self, variant: str) -> frozenset[str]:
        return frozenset(pod["metadata"]["uid"] for pod in self.pods(variant))

    def router_pods(self) -> dict[str, bool]:
        """The router's pods, and whether each is ready."""
        pods = self.get("pods", "-l", f"{names.COMPONENT}={names.ROUTER_COMPONENT}")
        return {pod["metadata"]["name"]: is_ready(pod) for pod in pods if is_staying(pod)}

    @property
    def router_namespace(self) -> str:
        """Where the router's pods are."""
        return self.namespace

    def restarts(self) -> dict[str, int]:
        """Pods of the namespace of which a container began anew, and how often."""
        counts = {
            pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
            for pod in self.get("pods")
        }
        return {pod: count for pod, count in counts.items() if count}

    def portrait(self) -> str:
        """What to read when a test fails: what users are told, trials, pods, events, the operator's log."""
        questions = (
            ("describe", "modeldeployment", self.name),
            ("get", "trials", "-o", "yaml"),
            ("get", "pods", "-o", "wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", "-n", SYSTEM, "-l", OPERATOR_PODS, "--prefix", "--tail=40"),
        )
        return "\n\n".join(f"$ kubectl {' '.join(question)}\n{self._told(*question)}" for question in questions)

    def _told(self, *question: str) -> str:
        try:
            return self.kubectl(*question)
        except Failed as error:
            return str(error)


def condition(status: Json, kind: str) -> Json:
    """The condition of a type in a status; one whose status is None when there is none."""
    conditions = status.get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {"status": None, "reason": None})


def is_staying(thing: Json) -> bool:
    """Whether an object is not being deleted already."""
    return "deletionTimestamp" not in thing["metadata"]


def is_ready(pod: Json) -> bool:
    """Whether a pod takes requests."""
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def moment(text: str) -> float:
    """An RFC 3339 time of a status as Unix time."""
    return datetime.fromisoformat(text).timestamp()


def has_ended(trial: Json) -> bool:
    return "endedAt" in trial["status"]


def exposures(trial: Json) -> int:
    """Requests of the challenger that the trial has counted."""
    count: int = trial["status"]["evidence"]["measures"][0]["challenger"]["exposures"]
    return count

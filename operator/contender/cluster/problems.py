"""Why a variant's pods do not become ready, in words that name the mend; and why its HPA does not scale it."""

import json
from collections.abc import Iterable, Iterator

from contender.api import moment
from contender.cluster.kinds import Object
from contender.observation import Problem, Unscaled

IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def find(deployment: Object | None, pods: Iterable[Object]) -> Problem | None:
    """The first problem that the pods tell of, else the Deployment's own; None when they are only slow."""
    told = (problem for pod in pods if not _leaving(pod) for problem in _of_pod(pod))
    return next(told, None) or _of_deployment(deployment)


def unscaled(hpa: Object | None) -> Unscaled | None:
    """None while the HPA scales, or has not said anything yet; that there are no pods to scale is its users' wish."""
    conditions = (hpa or {}).get("status", {}).get("conditions", ())
    blind = (each for each in conditions if each["type"] == "ScalingActive" and each["status"] == "False")
    found = next((each for each in blind if each.get("reason") != "ScalingDisabled"), None)
    since = moment(found.get("lastTransitionTime")) if found else None
    return Unscaled(since, found.get("message", "")) if found and since else None


def _leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _of_pod(pod: Object) -> Iterator[Problem]:
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if problem := _of_container(container, pod):
            yield problem
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Problem("Unschedulable", f"{condition.get('message', 'no node fits')}: ask for less, or add nodes")


def _of_container(container: Object, pod: Object) -> Problem | None:
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in IMAGE_REASONS:
        said = waiting.get("message") or waiting["reason"]
        return Problem("ImageUnreadable", f"image {container['image']}: {said}: name an image that the nodes can pull")
    if waiting.get("reason") in CONFIG_REASONS:
        return Problem(waiting["reason"], waiting.get("message", "the container cannot be made"))
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
    if not ended or container.get("ready") or ended.get("exitCode") == 0:
        return None
    return _of_end(container["name"], ended, pod["metadata"]["name"])


def _of_end(container: str, ended: Object, pod: str) -> Problem:
    if ended.get("reason") == "OOMKilled":
        return Problem(
            "OutOfMemory", f"{container} needs more memory than its limit: raise spec.resources.limits.memory"
        )
    try:
        told = json.loads(ended.get("message", ""))
        return Problem(told["reason"], told["message"])
    except (ValueError, KeyError, TypeError):
        code = ended.get("exitCode")
        return Problem("ServerCrashes", f"{container} ended with code {code}: see kubectl logs {pod} -c {container} -p")


def _of_deployment(deployment: Object | None) -> Problem | None:
    conditions = (deployment or {}).get("status", {}).get("conditions", ())
    failures = (condition for condition in conditions if condition["type"] == "ReplicaFailure")
    failure = next((condition for condition in failures if condition["status"] == "True"), None)
    return Problem(failure["reason"], failure["message"]) if failure else None

"""What the edges do by themselves: the store of watched objects, the look before a write, the words for trouble."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contender.cluster import kinds, problems
from contender.cluster.store import Store
from contender.cluster.writer import projection
from contender.observation import Problem


def pod(name: str, version: int, **labels: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "a", "name": name, "resourceVersion": str(version), "labels": labels}}


def test_an_older_event_never_replaces_what_is_known() -> None:
    store = Store()

    assert store.put(kinds.POD, pod("p", 5))
    assert not store.put(kinds.POD, pod("p", 4))
    assert not store.put(kinds.POD, pod("p", 5))
    assert store.put(kinds.POD, pod("p", 6))


def test_the_deletion_of_an_older_namesake_is_not_the_new_ones() -> None:
    store = Store()
    store.put(kinds.POD, pod("p", 9))

    assert not store.drop(kinds.POD, pod("p", 5))
    assert store.get(kinds.POD, "a", "p") is not None
    assert store.drop(kinds.POD, pod("p", 10))
    assert store.get(kinds.POD, "a", "p") is None


def test_a_list_drops_what_it_does_not_hold_but_never_what_is_newer() -> None:
    store = Store()
    for name, version in (("gone", 3), ("kept", 4), ("newer", 12)):
        store.put(kinds.POD, pod(name, version))
    store.refill(kinds.POD, None, [pod("kept", 4)], "10")

    assert {raw["metadata"]["name"] for raw in store.all(kinds.POD, "a")} == {"kept", "newer"}


def test_a_projection_sees_hand_edits_and_ignores_what_others_own() -> None:
    wanted = {"spec": {"template": {"args": ["serve"]}}}
    seen = {"spec": {"replicas": 3, "template": {"args": ["serve"], "restartPolicy": "Always"}}, "status": {}}
    edited = {"spec": {"replicas": 3, "template": {"args": ["sleep"]}}}
    longer = {"spec": {"replicas": 3, "template": {"args": ["serve", "--debug"]}}}

    assert projection(wanted, {**seen, "spec": {**seen["spec"], "replicas": 9}}) == projection(wanted, seen)
    assert projection(wanted, edited) != projection(wanted, seen)
    assert projection(wanted, longer) != projection(wanted, seen)


def with_init(state: Mapping[str, Any]) -> dict[str, Any]:
    container = {"name": "fetch", "image": "serving:1", "ready": False, **state}
    return {"metadata": {"name": "churn-1"}, "status": {"initContainerStatuses": [container]}}


TOLD = json.dumps({"reason": "DigestMismatch", "message": "pin the digest that the folder has"})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param({"state": {"terminated": {"exitCode": 1, "message": TOLD}}}, "DigestMismatch", id="its own words"),
        pytest.param(
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "message": TOLD}},
            },
            "DigestMismatch",
            id="its own words, between two tries",
        ),
        pytest.param(
            {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, "OutOfMemory", id="no memory"
        ),
        pytest.param({"state": {"terminated": {"exitCode": 3, "message": "trace"}}}, "ServerCrashes", id="no words"),
        pytest.param({"state": {"waiting": {"reason": "ErrImagePull"}}}, "ImageUnreadable", id="no image"),
    ],
)
def test_pods_say_why_they_do_not_start(state: Mapping[str, Any], reason: str) -> None:
    found = problems.find(None, [with_init(state)])

    assert found is not None
    assert found.reason == reason


def test_pods_that_are_only_slow_have_no_problem() -> None:
    starting = with_init({"state": {"running": {"startedAt": "now"}}})
    done = with_init({"state": {"terminated": {"exitCode": 0}}})

    assert problems.find(None, [starting, done]) is None


def test_a_deployment_that_may_not_make_pods_says_why() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}

    assert problems.find({"status": {"conditions": [condition]}}, []) == Problem("FailedCreate", "exceeded quota")

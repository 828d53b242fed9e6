"""Every status that the operator writes while trials run, tried on a real API server: it refuses unknown fields."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from contender import names
from contender.manifests.trial import trial_status
from contender.rollout import look
from contender.rollout.room import LARGEST
from tests.cluster import Cluster
from tests.unit.test_series import after_a_week, whole
from tests.unit.world import World


@pytest.fixture(scope="module")
def story() -> World:
    """A first champion, a challenger that is rehearsed and promoted, one that is overtaken by a wish, and that one is
    rejected.
    """
    world = World()
    world.apply("1")
    world.run(30, until="Idle")
    world.apply("2", shadow={"percent": 40, "duration": "4s"})
    world.run(200, until="Idle")
    world.apply("3")
    world.run(10)
    rejected = world.apply("4")
    world.errors[rejected] = 0.1
    world.run(200, until="Idle")
    world.annotations = {names.RETRY: rejected, names.PAUSE: "true"}
    world.run(10)
    world.annotations = {names.RETRY: rejected, names.ABORT: rejected}
    world.run(20)
    world.annotations = {}
    world.run(3)
    return world


def shape(value: Any) -> Any:
    """The fields of a value, and its phase: of statuses with the same shape, one is enough."""
    if isinstance(value, Mapping):
        return {key: part if key == "phase" else shape(part) for key, part in value.items()}
    return [shape(part) for part in value[:1]] if isinstance(value, list | tuple) else None


def distinct(statuses: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({json.dumps(shape(status), sort_keys=True): status for status in statuses}.values())


def take(cluster: Cluster, namespace: str, kind: str, name: str, status: Mapping[str, Any]) -> None:
    """Write a status as the operator does; raises Failed when the API server refuses it."""
    written = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "status": status}
    how = ("--server-side", "--subresource=status", "--field-manager=contender-operator", "--validate=strict")
    cluster.kubectl("apply", *how, "--namespace", namespace, "--filename=-", input=json.dumps(written))


def create(cluster: Cluster, namespace: str, kind: str, name: str, spec: Mapping[str, Any]) -> None:
    wanted = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("create", "--validate=strict", "--namespace", namespace, "--filename=-", input=json.dumps(wanted))


def test_the_api_server_takes_every_status_of_a_model_deployment(
    cluster: Cluster, schema_namespace: str, story: World
) -> None:
    create(cluster, schema_namespace, "ModelDeployment", "told", story.raw["spec"])
    statuses = distinct(plan.status for plan in story.history)

    assert {"Deploying", "Idle", "Shadowing", "Shifting"} <= {status["phase"] for status in statuses if status}
    for status in statuses:
        take(cluster, schema_namespace, "ModelDeployment", "told", status)


def test_the_api_server_takes_every_status_of_a_trial(cluster: Cluster, schema_namespace: str, story: World) -> None:
    known = [plan.trial for plan in story.history if plan.trial]
    create(
        cluster, schema_namespace, "Trial", "told", next(plan.begins for plan in story.history if plan.begins)["spec"]
    )
    statuses = distinct(trial_status(story.owner, trial, look.share(trial))["status"] for trial in known)

    assert {"Promoted", "Superseded", "Rejected"} <= {status["phase"] for status in statuses}
    for status in statuses:
        take(cluster, schema_namespace, "Trial", "told", status)


def test_a_trial_of_a_week_with_eight_guardrails_is_kept_in_16_kb(cluster: Cluster, schema_namespace: str) -> None:
    """All of it, as the API server has it: with its own notes of who wrote which field."""
    world, _ = after_a_week()
    raw = whole(world)
    create(cluster, schema_namespace, "Trial", "week", raw["spec"])
    take(cluster, schema_namespace, "Trial", "week", raw["status"])
    path = f"/apis/{names.API_VERSION}/namespaces/{schema_namespace}/trials/week"
    kept = cluster.kubectl("get", "--raw", path)

    assert "managedFields" in kept
    assert 12_000 < len(kept.encode()) < LARGEST

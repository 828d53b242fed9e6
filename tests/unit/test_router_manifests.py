"""The router's objects and files as they are sent; UPDATE_GOLDEN=1 rewrites what they are held against."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contender.api import seconds
from contender.ladder import EDGES
from contender.manifests.routes import RouterFull
from contender.manifests.routes.bootstrap import bootstrap
from contender.manifests.routes.envoy import configmap_data, parse_blocks, parse_split, split_text
from contender.manifests.routes.router import router_objects
from contender.observation import Block, Route

GOLDEN = Path(__file__).parent / "golden" / "router"

A, B = "ab12cd34", "ef56ab78"
CHURN = Block(10_000, Route(A, B, 25), (A, B), 30.0, {A: 8080, B: 9000})
IRIS = Block(10_002, Route(A, B, 0, mirror=40), (A, B), 30.0, {A: 8080, B: 8080}, shadows=(B,))
FRAUD = Block(10_001, Route(A), (A,), 0.25, {A: 8080})
OWNERS = [{"apiVersion": "contender.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}]
RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}


def objects(image: str = "envoy:test") -> dict[str, Any]:
    return {made["kind"]: made for made in router_objects("team-a", OWNERS, image, 2, RESOURCES)}


def files(blocks: dict[str, Block]) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in configmap_data("team-a", blocks).items()}


RENDERED = {
    "bootstrap": bootstrap(),
    "deployment": objects()["Deployment"],
    "poddisruptionbudget": objects()["PodDisruptionBudget"],
    "files": files({"churn": CHURN, "fraud": FRAUD}),
    "shadow": files({"iris": IRIS}),
    "no-models": files({}),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_rendering_is_what_was_reviewed(name: str) -> None:
    path, text = GOLDEN / f"{name}.json", json.dumps(RENDERED[name], indent=2, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)

    assert text == path.read_text()


def test_every_object_goes_with_its_owners() -> None:
    assert all(made["metadata"]["ownerReferences"] == OWNERS for made in objects().values())


def test_the_bootstrap_that_the_pods_read_is_the_one_that_rolls_them() -> None:
    text = objects()["ConfigMap"]["data"]["envoy.json"]

    assert json.loads(text) == json.loads(json.dumps(bootstrap()))
    assert objects()["Deployment"]["spec"]["template"]["metadata"]["annotations"].keys() == {"contender.dev/bootstrap"}


def test_a_pod_sleeps_before_it_is_told_to_end_and_has_time_for_both() -> None:
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    asleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] > asleep > 10


def test_blocks_come_back_as_they_were_written() -> None:
    blocks = {"churn": CHURN, "fraud": FRAUD}

    assert parse_blocks(configmap_data("team-a", blocks)) == blocks


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"port": 1}', "null", '{"route": []}'])
def test_a_block_that_a_hand_broke_counts_as_not_written(text: str) -> None:
    data = {**configmap_data("team-a", {"churn": CHURN, "fraud": FRAUD}), "block.churn.json": text}

    assert parse_blocks(data) == {"fraud": FRAUD}


@pytest.mark.parametrize(
    "route", [Route(A), Route(A, B, 0), Route(A, B, 0, 40), Route(A, B, 25), Route(A, B, 100)], ids=str
)
def test_a_split_in_words_says_the_route(route: Route) -> None:
    version = f"{split_text('other', Route(B))} {split_text('churn', route)} 0a1b2c3d"

    assert parse_split(version, "churn") == route
    assert parse_split(version, "chur") is None


def test_each_change_of_a_route_has_a_version_of_its_own() -> None:
    patient = Block(10_000, CHURN.route, (A, B), 60.0, CHURN.backend_ports)
    versions = {files({"churn": block})["rds.json"]["version_info"] for block in (CHURN, patient, FRAUD)}

    assert len(versions) == 3


def test_a_new_share_changes_neither_listeners_nor_clusters() -> None:
    before, after = (
        configmap_data("n", {"churn": Block(10_000, route, (A, B), 30.0, CHURN.backend_ports)})
        for route in (Route(A, B, 5), Route(A, B, 25))
    )

    assert {name for name in before if before[name] != after[name]} == {"rds.json", "block.churn.json"}


def test_a_namespace_holds_200_models_and_says_so_when_their_trials_no_longer_fit() -> None:
    names = [f"model-number-{number}" for number in range(200)]

    assert configmap_data("team-a", dict.fromkeys(names, FRAUD))
    with pytest.raises(RouterFull, match="use another namespace"):
        configmap_data("team-a", dict.fromkeys(names, CHURN))


def test_the_ladder_rises_from_a_millisecond_to_thirty_seconds_in_steps_of_a_fifth_at_most() -> None:
    assert list(EDGES) == sorted(set(EDGES))
    assert (EDGES[0], EDGES[-1]) == (0.001, 30)
    assert all(later <= 1.2001 * edge for edge, later in pairwise(EDGES) if edge >= 0.005)


def test_from_ten_milliseconds_any_two_edges_next_but_one_are_a_fifth_apart_at_most() -> None:
    assert all(
        next_but_one <= 1.2001 * edge for edge, next_but_one in zip(EDGES, EDGES[2:], strict=False) if edge >= 0.01
    )


def test_edges_are_whole_milliseconds_of_two_digits_as_the_router_counts() -> None:
    assert {float(f"{edge:.2g}") for edge in EDGES} == set(EDGES)
    assert all(round(edge * 1000) / 1000 == edge for edge in EDGES)


def test_every_edge_can_be_written_as_a_duration() -> None:
    assert [seconds(f"{1000 * edge:g}ms") for edge in EDGES] == list(EDGES)

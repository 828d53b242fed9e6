"""The HTTPRoute as it is sent, what a Gateway says of it, and who gets which place in it; UPDATE_GOLDEN=1 rewrites."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contender import names
from contender.api import ModelDeployment
from contender.manifests.routes.envoy import mirrored, weights
from contender.manifests.routes.gateway import (
    TRACE,
    Written,
    following,
    httproute,
    is_carried,
    next_slots,
    read,
    refusal,
    rules,
    url,
    was_taken,
)
from contender.observation import Block, Route
from tests.unit.test_manifests import owner

GOLDEN = Path(__file__).parent / "golden" / "gateway"
A, B = "ab12cd34", "ef56ab78"
PORTS = {A: 8080, B: 9000}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GATEWAY = {"parentRefs": [{"name": "public", "namespace": "gateways"}], "hostnames": ["churn.example.com"]}


def deployment(**gateway: Any) -> ModelDeployment:
    return owner(traffic={"timeout": "30s", "gateway": {**GATEWAY, **gateway}})


def written(route: Route, slots: dict[str, int], timeout: float = 30.0, leaving: tuple[str, ...] = ()) -> Written:
    clusters = tuple(sorted(slots))
    ports = {variant: PORTS[variant] for variant in clusters}
    return Written(Block(10_000, route, clusters, timeout, ports, shadows=tuple(mirrored(route))), slots, leaving)


def manifest(made: Written) -> dict[str, Any]:
    return httproute(deployment(), made, ["churn.example.com"])


RENDERED = {
    "champion": manifest(written(Route(A), {A: 0})),
    "share": manifest(written(Route(A, B, 25), {A: 0, B: 1})),
    "shadow": manifest(written(Route(A, B, 0, mirror=40), {A: 0, B: 1})),
    "leaving": manifest(written(Route(A), {A: 0, B: 1}, leaving=(B,))),
    "standby": manifest(written(Route(B, A), {A: 0, B: 1})),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_rendering_is_what_was_reviewed(name: str) -> None:
    path, text = GOLDEN / f"{name}.yaml", yaml.safe_dump(RENDERED[name], sort_keys=False)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)

    assert text == path.read_text()


ROUTES = st.one_of(
    st.just(Route(A)),
    st.builds(Route, st.just(A), st.just(B), st.integers(0, 100), st.integers(0, 100)),
    st.builds(Route, st.just(B), st.just(A), st.integers(0, 100)),
)
SLOTS = st.lists(st.integers(0, 15), min_size=2, max_size=2, unique=True)


@given(ROUTES, SLOTS)
def test_each_variant_is_in_its_slot_of_every_rule_with_the_weight_of_the_route(
    route: Route, places: list[int]
) -> None:
    made = written(route, dict(zip((A, B), places, strict=True)))
    split, *pins = rules("churn", made)

    assert {place: backend["weight"] for place, backend in enumerate(split["backendRefs"]) if backend["weight"]} == {
        made.slots[variant]: 10_000 * weight for variant, weight in weights(route).items()
    }
    for variant, pin in zip((A, B), pins, strict=True):
        assert pin["matches"][0]["headers"][0]["value"] == variant
        assert [place for place, backend in enumerate(pin["backendRefs"]) if backend["weight"]] == [made.slots[variant]]
    for rule in (split, *pins):
        for backend in filter(lambda each: each["weight"], rule["backendRefs"]):
            (mark,) = backend["filters"][0]["responseHeaderModifier"]["set"]
            assert backend["name"] == names.variant_name("churn", mark["value"])


@given(ROUTES, SLOTS)
def test_what_was_written_is_read_back(route: Route, places: list[int]) -> None:
    made = written(route, dict(zip((A, B), places, strict=True)))

    assert read(manifest(made)) == made


def test_who_loses_its_weight_keeps_a_trace_until_the_gateways_have_taken_that_up() -> None:
    before, back = written(Route(A, B, 25), {A: 0, B: 1}), written(Route(A), {A: 0, B: 1}).block
    first = following(before, back, (), NOW, carried=True)
    waiting = following(first, back, (), NOW + 2 * TRACE, carried=False)
    early = following(waiting, back, (), NOW + TRACE / 2, carried=True)
    last = following(early, back, (), NOW + TRACE, carried=True)

    assert [each.leaving for each in (first, waiting, early, last)] == [(B,), (B,), (B,), ()]
    assert read(manifest(early)) == early
    assert [backend["weight"] for backend in rules("churn", first)[0]["backendRefs"]] == [1_000_000, 1]
    assert [backend["weight"] for backend in rules("churn", last)[0]["backendRefs"]] == [1_000_000]


def test_who_never_had_weight_gets_no_trace_of_it() -> None:
    rehearsed = written(Route(A, B, 0, mirror=40), {A: 0, B: 1})

    assert following(written(Route(A), {A: 0}), rehearsed.block, (), NOW, carried=True).leaving == ()
    assert following(None, rehearsed.block, (), NOW, carried=False).leaving == ()


def test_who_comes_back_while_it_leaves_has_its_share_again() -> None:
    leaving, again = written(Route(A), {A: 0, B: 1}, leaving=(B,)), written(Route(A, B, 5), {A: 0, B: 1})

    assert following(leaving, again.block, (), NOW, carried=True) == again


@pytest.mark.parametrize("annotations", [{}, {names.BLOCK: "{"}, {names.BLOCK: "{}"}])
def test_what_cannot_be_read_counts_as_not_written(annotations: dict[str, str]) -> None:
    assert read({"metadata": {"annotations": annotations}}) is None


def test_no_variant_gets_a_slot_that_another_has_or_that_a_proxy_still_knows() -> None:
    assert next_slots({}, [A], ()) == {A: 0}
    assert next_slots({A: 0}, [A, B], ()) == {A: 0, B: 1}
    assert next_slots({A: 0, B: 1}, [B], ()) == {B: 1}
    assert next_slots({B: 1}, [A, B], {0, 1}) == {A: 2, B: 1}
    assert next_slots({A: 0}, [B], {0}) == {B: 1}


@pytest.mark.parametrize(("seconds", "told"), [(30.0, "30s"), (0.25, "250ms"), (1.5, "1s500ms"), (7200.0, "2h")])
def test_the_timeout_is_written_as_the_gateway_api_takes_it(seconds: float, told: str) -> None:
    assert rules("churn", written(Route(A), {A: 0}, seconds))[0]["timeouts"] == {"request": told}


PARENT = {"name": "public", "namespace": "gateways"}


def judged(generation: int = 3, parent: dict[str, Any] | None = None, **conditions: str) -> dict[str, Any]:
    told = [
        {"type": kind, "status": status, "reason": "Because", "message": "so it is", "observedGeneration": generation}
        for kind, status in conditions.items()
    ]
    parents = [{"parentRef": parent or PARENT, "conditions": told}]
    return {"metadata": {"generation": 3}, "status": {"parents": parents}}


CARRIED = judged(Accepted="True", ResolvedRefs="True")
STALE = judged(generation=2, Accepted="True", ResolvedRefs="True")
NOT_CARRIED = {
    "nobody spoke": {"metadata": {"generation": 3}},
    "half was said": judged(Accepted="True"),
    "an older one was taken": STALE,
    "it is not accepted": judged(Accepted="False", ResolvedRefs="True"),
    "a backend is unknown": judged(Accepted="True", ResolvedRefs="False"),
    "another Gateway spoke": judged(parent={**PARENT, "name": "private"}, Accepted="True", ResolvedRefs="True"),
}


@pytest.mark.parametrize("raw", NOT_CARRIED.values(), ids=NOT_CARRIED.keys())
def test_a_route_is_carried_when_all_that_counts_was_said_of_its_newest_generation(raw: dict[str, Any]) -> None:
    assert is_carried(CARRIED, deployment())
    assert not is_carried(raw, deployment())


def test_a_route_that_waits_for_word_of_its_newest_generation_still_lets_clients_in() -> None:
    assert was_taken(STALE, deployment())
    assert not was_taken(judged(Accepted="True"), deployment())


def test_every_gateway_must_carry_it() -> None:
    both = deployment(parentRefs=[PARENT, {**PARENT, "name": "private"}])

    assert not is_carried(CARRIED, both)


def test_a_refusal_is_told_in_the_gateways_own_words() -> None:
    found = refusal(NOT_CARRIED["it is not accepted"], deployment())

    assert found
    assert found.reason == "RouteNotAccepted"
    assert "gateways/public" in found.message
    assert "Because: so it is" in found.message
    assert refusal(judged(generation=2, Accepted="False"), deployment()) is None


HTTP = {"name": "http", "protocol": "HTTP", "port": 80}
HTTPS = {"name": "https", "protocol": "HTTPS", "port": 8443}


@pytest.mark.parametrize(
    ("section", "told"),
    [(None, "http://churn.example.com/"), ("https", "https://churn.example.com:8443/")],
)
def test_the_url_is_the_listeners(section: str | None, told: str) -> None:
    parent = PARENT if section is None else {**PARENT, "sectionName": section}
    gateway = {"spec": {"listeners": [HTTP, HTTPS]}}

    assert url(gateway, deployment(parentRefs=[parent])) == told


def test_a_gateway_of_the_same_namespace_need_not_say_so() -> None:
    (parent,) = httproute(deployment(parentRefs=[{"name": "own"}]), written(Route(A), {A: 0}), ["a"])["spec"][
        "parentRefs"
    ]

    assert (parent["namespace"], parent["name"]) == ("team-a", "own")

"""What a proxy of a Gateway says of one HTTPRoute: an answer of Envoy Gateway 1.9.1, with a few of its buckets."""

from dataclasses import replace
from pathlib import Path

import pytest

from contender.manifests.routes.gateway import Written
from contender.measure.gateway import Proxy, Question
from contender.observation import Block, Route

ANSWER = (Path(__file__).parent / "golden" / "gateway" / "proxy.txt").read_text()
A, B = "ab12cd34", "ef56ab78"
QUARTER = Route(A, B, 25)
BLOCK = Block(10_000, QUARTER, (A, B), 30.0, {A: 8080, B: 8080})
PREFIX = "httproute/team-a/churn/rule"


def told(text: str = ANSWER, block: Block = BLOCK, slots: tuple[int, int] = (0, 1), *, carried: bool = True) -> Proxy:
    written = Written(block, dict(zip((A, B), slots, strict=True)))
    return Question("team-a", "churn", written, carried).parse(text, name="proxy", uid="u")


def without(cluster: str) -> str:
    return "".join(line for line in ANSWER.splitlines(keepends=True) if f'"{PREFIX}/{cluster}"' not in line)


def also(cluster: str) -> str:
    return ANSWER.replace(
        "# TYPE envoy_cluster_upstream_rq_active gauge",
        f'envoy_cluster_membership_total{{envoy_cluster_name="{PREFIX}/{cluster}"}} 1\n'
        "# TYPE envoy_cluster_upstream_rq_active gauge",
    )


def test_a_proxy_is_a_router_pod_like_any_other() -> None:
    pod = told().pod

    assert (pod.route, pod.clusters, pod.uptime) == (QUARTER, frozenset({A, B}), 464.0)
    assert pod.active == {A: 9, B: 2}
    assert (pod.counters[A].completed, pod.counters[A].errors, pod.counters[A].timed) == (431, 14, 380)
    assert (pod.counters[B].completed, pod.counters[B].errors, pod.counters[B].begun) == (156, 19, 158)
    assert pod.counters[A].faster[0.05] == 364
    assert pod.shadows == {}


def test_variants_are_told_apart_by_their_slots() -> None:
    pod = told(slots=(1, 0)).pod

    assert (pod.counters[A].completed, pod.counters[B].completed) == (156, 431)
    assert pod.clusters == frozenset(), "the pins are those of other slots"


def test_only_the_edges_of_its_histogram_are_known() -> None:
    nothing_timed = "".join(line for line in ANSWER.splitlines(keepends=True) if "rq_time" not in line)

    assert told().pod.edges == frozenset({0.01, 0.025, 0.05, 0.1, 0.25})
    assert told(nothing_timed).pod.edges is None


def test_slots_that_nobody_of_ours_has_are_told_too() -> None:
    assert told().slots == {0, 1}
    assert told(also("3/backend/7")).slots == {0, 1, 7}


LAGS = {
    "the controller has not taken the route": told(carried=False),
    "the proxy lost its controller": told(ANSWER.replace("connected_state{} 1", "connected_state{} 0")),
    "the challenger has no cluster in the split yet": told(without("0/backend/1")),
    "who has no share still has a cluster in the split": told(block=replace(BLOCK, route=Route(A, B, 0))),
    "nothing is copied yet": told(block=replace(BLOCK, route=Route(A, B, 25, mirror=40), shadows=(B,))),
    "something is copied still": told(also("0-mirror-0")),
}


@pytest.mark.parametrize("proxy", LAGS.values(), ids=LAGS.keys())
def test_a_proxy_that_lags_is_not_believed_to_carry_the_route(proxy: Proxy) -> None:
    assert proxy.pod.route is None


def test_copies_are_counted_apart_from_live_requests() -> None:
    copied = replace(BLOCK, route=Route(A, B, 0, mirror=40), shadows=(B,))
    pod = told(ANSWER.replace("0/backend/1", "0-mirror-0"), copied).pod

    assert pod.route == copied.route
    assert (pod.shadows[B].completed, pod.counters[B].completed) == (156, 0)
    assert pod.active[B] == 2


def test_before_there_is_a_route_a_proxy_tells_who_else_has_a_slot() -> None:
    proxy = Question("team-a", "churn", None, carried=False).parse(ANSWER, name="proxy", uid="u")

    assert (proxy.pod.route, proxy.pod.counters, proxy.slots) == (None, {}, frozenset({0, 1}))


@pytest.mark.parametrize("missing", ["envoy_server_uptime", "envoy_control_plane_connected_state"])
def test_an_answer_of_something_else_is_none(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        told(ANSWER.replace(f"{missing}{{}}", "other{}"))

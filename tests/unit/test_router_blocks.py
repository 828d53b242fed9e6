"""The order in which the router learns of variants, against pods that take each file in their own time."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.manifests.routes import RouterFull
from contender.manifests.routes.blocks import PORTS, free_port, next_block
from contender.manifests.routes.envoy import mirrored, weights
from contender.observation import Block, Counters, Route, Router, RouterPod

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"
BACKEND_PORTS = {A: 8080, B: 8080, C: 9000}
PORT = 10_000


def block(route: Route, *clusters: str, shadows: tuple[str, ...] = ()) -> Block:
    ports = {variant: BACKEND_PORTS[variant] for variant in clusters}
    return Block(PORT, route, clusters, 30.0, ports, shadows=shadows)


def pod(
    route: Route | None, *clusters: str, active: Mapping[str, int] | None = None, shadows: tuple[str, ...] = ()
) -> RouterPod:
    copies = dict.fromkeys(shadows, Counters())
    return RouterPod("pod", "uid", 60.0, route is not None, route, frozenset(clusters), active or {}, {}, copies)


def router(written: Block | None, *pods: RouterPod, silent: tuple[str, ...] = ()) -> Router:
    return Router(written, pods, silent, frozenset())


def following(wanted: Route, seen: Router) -> Block:
    return next_block(wanted, PORT, 30.0, BACKEND_PORTS, seen)


ONLY_A, ONLY_B = Route(A), Route(B)
QUARTER, COPIED = Route(A, B, 25), Route(A, B, 0, mirror=40)
NONE = Route(A, B, 0)

CASES = [
    pytest.param(
        ONLY_A, router(None), block(ONLY_A, A),
        id="the first block holds cluster and route together",
    ),
    pytest.param(
        QUARTER, router(block(ONLY_A, A), pod(ONLY_A, A)), block(Route(A, B, 0), A, B),
        id="a new variant gets its clusters before its share",
    ),
    pytest.param(
        QUARTER, router(block(Route(A, B, 0), A, B), pod(ONLY_A, A, B), pod(ONLY_A, A)), block(Route(A, B, 0), A, B),
        id="a pod without the clusters holds the share back",
    ),
    pytest.param(
        QUARTER, router(block(Route(A, B, 0), A, B), pod(ONLY_A, A, B), silent=("other",)), block(Route(A, B, 0), A, B),
        id="a silent pod may lack the clusters",
    ),
    pytest.param(
        QUARTER, router(block(Route(A, B, 0), A, B)), block(Route(A, B, 0), A, B),
        id="no pod is no proof that the clusters are there",
    ),
    pytest.param(
        QUARTER, router(block(ONLY_A, A), pod(ONLY_A, A, B)), block(Route(A, B, 0), A, B),
        id="clusters that are not written are about to go",
    ),
    pytest.param(
        QUARTER, router(block(Route(A, B, 0), A, B), pod(ONLY_A, A, B), pod(ONLY_A, A, B)), block(QUARTER, A, B),
        id="clusters seen in every pod take their share, whatever route the pods still have",
    ),
    pytest.param(
        ONLY_A, router(block(QUARTER, A, B), pod(QUARTER, A, B), silent=("other",)), block(ONLY_A, A, B),
        id="a challenger is sent back at once, silent pods or not, and keeps its clusters",
    ),
    pytest.param(
        ONLY_B, router(block(QUARTER, A, B), silent=("one", "other")), block(ONLY_B, A, B),
        id="a challenger that has traffic everywhere is promoted at once",
    ),
    pytest.param(
        Route(A, C, 5), router(block(QUARTER, A, B), pod(QUARTER, A, B)), block(Route(A, C, 0), A, B, C),
        id="the next challenger's clusters come while the superseded one loses its share",
    ),
    pytest.param(
        Route(C), router(block(ONLY_A, A), pod(ONLY_A, A)), block(ONLY_A, A, C),
        id="a champion that is nowhere yet leaves the route as it is",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B), pod(ONLY_A, A, B), pod(QUARTER, A, B)), block(ONLY_A, A, B),
        id="clusters stay while one pod still routes to them",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B), pod(ONLY_A, A, B, active={B: 1})), block(ONLY_A, A, B),
        id="clusters stay while a request is under way",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B), pod(ONLY_A, A, B), silent=("other",)), block(ONLY_A, A, B),
        id="clusters stay while a pod is silent",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B)), block(ONLY_A, A, B),
        id="clusters stay while there is no pod to ask",
    ),
    pytest.param(
        COPIED, router(block(ONLY_A, A), pod(ONLY_A, A)), block(NONE, A, B, shadows=(B,)),
        id="a new variant gets the cluster for copies before a request is copied",
    ),
    pytest.param(
        COPIED, router(block(NONE, A, B, shadows=(B,)), pod(NONE, A, B, shadows=(B,)), pod(NONE, A, B)),
        block(NONE, A, B, shadows=(B,)),
        id="a pod without the cluster for copies holds them back",
    ),
    pytest.param(
        COPIED, router(block(NONE, A, B, shadows=(B,)), pod(NONE, A, B, shadows=(B,))),
        block(COPIED, A, B, shadows=(B,)),
        id="requests are copied once every pod has the cluster for it",
    ),
    pytest.param(
        Route(A, B, 5), router(block(COPIED, A, B, shadows=(B,)), pod(COPIED, A, B, shadows=(B,))),
        block(Route(A, B, 5), A, B, shadows=(B,)),
        id="the first share ends the copies, and their cluster stays while a pod may still copy",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B, shadows=(B,)), pod(ONLY_A, A, B, shadows=(B,), active={B: 3})),
        block(ONLY_A, A, B),
        id="the cluster for copies goes once no pod copies to it",
    ),
    pytest.param(
        ONLY_A, router(block(ONLY_A, A, B), pod(ONLY_A, A, B, active={A: 3, B: 0})), block(ONLY_A, A),
        id="clusters go once no pod routes to them or waits for them",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "seen", "written"), CASES)
def test_next_block(wanted: Route, seen: Router, written: Block) -> None:
    assert following(wanted, seen) == written


def test_a_variant_whose_service_is_unknown_by_now_keeps_its_port() -> None:
    seen = router(block(QUARTER, A, B), pod(QUARTER, A, B))

    assert next_block(ONLY_A, PORT, 30.0, {A: 8080}, seen).backend_ports == {A: 8080, B: 8080}


def test_port_and_timeout_are_always_the_ones_asked_for() -> None:
    written = next_block(ONLY_A, PORT + 7, 2.5, BACKEND_PORTS, router(block(ONLY_A, A), pod(ONLY_A, A)))

    assert (written.port, written.timeout) == (PORT + 7, 2.5)


def free(taken: Iterable[int], name: str = "churn") -> int:
    return free_port(Router(None, (), (), frozenset(taken)), name)


def test_a_port_is_the_next_that_nobody_has_round_and_round() -> None:
    wished = free(())

    assert free({wished}) == (wished + 1 if wished + 1 in PORTS else PORTS[0])
    assert [free(set(PORTS) - {port}) for port in PORTS] == list(PORTS)


def test_of_fifty_that_come_at_once_most_have_their_port_to_themselves() -> None:
    wished = Counter(free((), f"model-{number}") for number in range(50))

    assert sum(1 for number in wished.values() if number == 1) >= 30


def test_a_namespace_takes_200_models_and_the_next_is_told_where_to_go() -> None:
    with pytest.raises(RouterFull, match="use another namespace"):
        free(PORTS)


@dataclass
class SimulatedPod:
    """A router pod that holds clusters of one written block and the route of another, as file watches may have it."""

    clusters: Block
    route: Block
    active: dict[str, int] = field(default_factory=dict)

    def take_clusters(self, newest: Block) -> None:
        lost = {variant for variant, count in self.active.items() if count} - set(newest.clusters)

        assert not lost, f"requests under way lost their cluster: {lost}"
        self.clusters = newest

    def take_route(self, newest: Block) -> None:
        self.route = newest

    def begin_requests(self) -> None:
        """One to each variant of the live route, since chance may pick any of them."""
        for variant in weights(self.route.route):
            self.active[variant] = self.active.get(variant, 0) + 1

    def end_requests(self) -> None:
        self.active.clear()

    def seen(self) -> RouterPod:
        known = self.clusters
        return pod(self.route.route, *known.clusters, active=dict(self.active), shadows=known.shadows)

    @property
    def misses(self) -> set[str]:
        missed = set(weights(self.route.route)) - set(self.clusters.clusters)
        return missed | (mirrored(self.route.route) - set(self.clusters.shadows))


@st.composite
def routes(draw: st.DrawFn) -> Route:
    champion, challenger = draw(st.permutations([A, B, C]))[:2]
    share, mirror = draw(st.sampled_from([(None, 0), (0, 0), (0, 40), (50, 0), (100, 0)]))
    return Route(champion) if share is None else Route(champion, challenger, share, mirror)


POD_EVENTS = ("take_clusters", "take_route", "begin_requests", "end_requests")
NUMBERS = st.integers(0, 2)
looks = st.sets(NUMBERS, max_size=1)  # the pods that are silent
events = st.one_of(
    st.tuples(st.just("want"), routes()),
    st.tuples(st.just("look and write"), looks),
    st.tuples(st.just("look"), looks),
    st.tuples(st.just("write"), st.none()),  # what the last look led to
    st.tuples(st.just("all catch up"), st.none()),
    st.tuples(st.just("join"), st.none()),
    st.tuples(st.just("leave"), NUMBERS),
    *(st.tuples(st.just(name), NUMBERS) for name in POD_EVENTS),
)
histories = st.lists(events, min_size=10, max_size=80)


@dataclass
class Namespace:
    """One ModelDeployment's written block, its router pods, and an operator that looks, thinks and writes later."""

    written: Block
    wanted: Route
    pods: list[SimulatedPod]
    decided: Block | None = None

    def look(self, silent: Set[int] = frozenset()) -> None:
        answers = [each.seen() for number, each in enumerate(self.pods) if number not in silent]
        hushed = tuple(str(number) for number in range(len(self.pods)) if number in silent)
        self.decided = following(self.wanted, router(self.written, *answers, silent=hushed))

    def write(self) -> None:
        self.written, self.decided = self.decided or self.written, None

    def happen(self, name: str, value: object) -> None:
        match name, value:
            case "want", Route() as route:
                self.wanted = route
            case "look", set() as silent:
                self.look(silent)
            case "look and write", set() as silent:
                self.look(silent)
                self.write()
            case "write", _:
                self.write()
            case "all catch up", _:
                self.catch_up()
            case "join", _ if len(self.pods) < 3:
                self.pods.append(SimulatedPod(self.written, self.written))
            case "leave", int(number) if len(self.pods) > 1:
                self.pods.pop(number % len(self.pods))
            case _, int(number) if name in POD_EVENTS:
                self.tell(self.pods[number % len(self.pods)], name)

    def catch_up(self) -> None:
        for each in self.pods:
            each.take_clusters(self.written)
            each.take_route(self.written)

    def tell(self, each: SimulatedPod, name: str) -> None:
        if name.startswith("take"):
            getattr(each, name)(self.written)
        else:
            getattr(each, name)()


def serving(route: Route) -> Namespace:
    """As it is once the Service was made: every pod carries the first block."""
    first = following(route, router(None))
    return Namespace(first, route, [SimulatedPod(first, first), SimulatedPod(first, first)])


@given(routes(), histories)
def test_no_pod_ever_routes_to_a_cluster_that_it_lacks(first: Route, happenings: list[tuple[str, object]]) -> None:
    namespace = serving(first)
    for name, value in happenings:
        namespace.happen(name, value)

        assert not any(each.misses for each in namespace.pods), f"after {name} {value}"


def test_no_pod_misses_a_cluster_on_a_long_walk_either() -> None:
    """Removals take many steps to meet a pod that lags: a walk of 30,000 meets what short histories seldom do."""
    dice = random.Random(20261121)
    namespace = serving(Route(A))
    wishes = [Route(A), Route(B), Route(A, B, 50), Route(B, A, 50), Route(A, B, 0), COPIED, Route(A, C, 50)]
    for _ in range(30_000):
        name = dice.choice(("want", "look and write", "look and write", "look", "write", "all catch up", *POD_EVENTS))
        silent = set(dice.sample(range(2), dice.choice((0, 0, 1))))
        value = dice.choice(wishes) if name == "want" else silent if name.startswith("look") else dice.randrange(2)
        namespace.happen(name, value)

        assert not any(each.misses for each in namespace.pods), f"after {name} {value}"


@given(routes(), histories, routes())
def test_the_wanted_route_is_reached_and_the_clusters_of_others_go(
    first: Route, happenings: list[tuple[str, object]], wanted: Route
) -> None:
    namespace = serving(first)
    for name, value in happenings:
        namespace.happen(name, value)
    namespace.wanted = wanted
    for _ in range(4):
        namespace.catch_up()
        for each in namespace.pods:
            each.end_requests()
        namespace.look()
        namespace.write()

    named = {wanted.champion, wanted.challenger} - {None}
    assert namespace.written.route == wanted
    assert set(namespace.written.clusters) == named
    assert set(namespace.written.shadows) == mirrored(wanted)
    assert all(each.route == each.clusters == namespace.written for each in namespace.pods)


@given(routes(), st.sets(st.integers(0, 1)))
def test_a_block_that_is_live_everywhere_stays_as_it_is(route: Route, silent: set[int]) -> None:
    namespace = serving(route)
    namespace.look(silent)

    assert namespace.decided == namespace.written


@given(routes(), histories)
def test_sending_the_challenger_back_is_written_at_the_next_look_whatever_the_pods_say(
    first: Route, happenings: list[tuple[str, object]]
) -> None:
    namespace = serving(first)
    for name, value in happenings:
        namespace.happen(name, value)
    present = namespace.written.route
    if present.share == 100:
        return
    namespace.wanted = replace(present, share=0, mirror=0)
    namespace.look({0, 1, 2, 3})

    assert namespace.decided is not None
    assert namespace.decided.route == namespace.wanted

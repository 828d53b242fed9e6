"""Of what users write, only names are in the router's files, and no name can be mistaken for anything else."""

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contender.manifests.routes.bootstrap import bootstrap
from contender.manifests.routes.envoy import LIVE, cluster_name, configmap_data, parse_split
from contender.measure.envoy import Question, stats_filter
from contender.names import ABORT, PAUSE, PROMOTE, RETRY
from contender.observation import Block, Route
from tests.unit.world import World
from tools import crds

# Ends of strings, objects and lines, Envoy's own format strings, a template, a comment, and what looks like a blank.
BREAKOUT = "\"}]},'\\\n\r\t%REQ(authorization)%{{ .Values }}${HOME}#\u2028\u202e\u00a0é"
HASH = st.text("0123456789abcdef", min_size=8, max_size=8)
PORT = 10_000
COMMANDS = (ABORT, PAUSE, PROMOTE, RETRY)


def pattern_of_names() -> str:
    """The pattern that the API server holds names against."""
    schema = crds.schema(crds.load()["ModelDeployment"])
    rules = " ".join(rule["rule"] for rule in schema["x-kubernetes-validations"])
    found = re.search(r"self\.metadata\.name\.matches\('(.+?)'\)", rules)
    assert found
    return found[1]


NAMES = st.from_regex(pattern_of_names(), fullmatch=True).filter(lambda name: len(name) <= 50)


def block(route: Route, port: int) -> Block:
    clusters = tuple(sorted({route.champion, route.challenger or route.champion}))
    return Block(port, route, clusters, 30.0, dict.fromkeys(clusters, 8080))


def poisoned(value: Any) -> Any:
    """The same with every text that a user may choose turned into a way out."""
    if isinstance(value, dict):
        return {key: poisoned(part) for key, part in value.items()}
    return BREAKOUT if isinstance(value, str) else value


def test_nothing_that_a_user_writes_but_the_name_comes_into_the_routers_files() -> None:
    world = World()
    for version in ("1", "2"):
        world.apply(version)
        spec = world.raw["spec"]
        spec["model"] = {**poisoned(spec["model"]), "uri": BREAKOUT + version}
        spec["runtime"] = {"image": BREAKOUT, "args": [BREAKOUT], "env": [{"name": BREAKOUT, "value": BREAKOUT}]}
        world.raw["metadata"] |= {"labels": {BREAKOUT: BREAKOUT}}
        world.annotations = dict.fromkeys(COMMANDS, BREAKOUT) | {BREAKOUT: BREAKOUT}
        world.run(20)
    blocks = [plan.block for plan in world.history if plan.block]
    texts = [text for each in blocks for text in configmap_data("team", {"churn": each}).values()]

    assert any(each.route.challenger for each in blocks)
    for text in texts:
        json.loads(text)
        assert text.isascii()
        assert not any(piece in text for piece in ("REQ(", "Values", "HOME", "u2028", "u202e", "u00a0"))


@settings(max_examples=50)
@given(NAMES, NAMES, HASH, HASH, st.integers(1, 99))
def test_two_names_are_never_mistaken_for_each_other(
    mine: str, other: str, champion: str, challenger: str, share: int
) -> None:
    assume(mine != other and champion != challenger)
    my_route, other_route = Route(champion, challenger, share), Route(challenger)
    data = configmap_data("team", {mine: block(my_route, PORT), other: block(other_route, PORT + 1)})
    version = json.loads(data["rds.json"])["version_info"]
    theirs = f"cluster.{cluster_name(other, champion, LIVE)}.upstream_rq_completed"

    assert parse_split(version, mine) == my_route
    assert parse_split(version, other) == other_route
    assert not re.search(stats_filter(Question(mine)), theirs)
    assert re.search(stats_filter(Question(other)), theirs)


@pytest.mark.parametrize("times", [False, True])
def test_a_router_is_asked_how_long_answers_took_only_where_that_is_judged(times: bool) -> None:
    asked = stats_filter(Question("churn", times=times))
    live = f"cluster.{cluster_name('churn', 'ab12cd34', LIVE)}"

    assert bool(re.search(asked, f"{live}.upstream_rq_time")) == times
    assert re.search(asked, f"{live}.upstream_rq_timeout")


@pytest.mark.parametrize("by", ["header", "cookie"])
def test_what_keeps_a_user_on_one_variant_has_a_plain_name(by: str) -> None:
    schemas = dict(crds.walk(crds.schema(crds.load()["ModelDeployment"])))
    rule = schemas[f"spec.traffic.sticky.{by}"]["x-kubernetes-validations"][0]["rule"]
    (allowed,) = re.findall(r"self\.matches\('(.+)'\)", rule)
    marks = [mark for mark in BREAKOUT + " .:;=/@" if not (mark.isascii() and mark.isalnum())]

    assert re.search(allowed, "x-user-id")
    assert [mark for mark in marks if re.search(allowed, f"a{mark}a")] == []


def test_the_routers_own_listener_has_a_name_that_no_model_can_have() -> None:
    (listener,) = bootstrap()["static_resources"]["listeners"]

    assert re.fullmatch(pattern_of_names(), listener["name"]) is None

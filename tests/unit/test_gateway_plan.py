"""What a plan makes of a Gateway: no entry of our own, a problem that is told, and evidence that cannot be had."""

from dataclasses import dataclass, replace
from typing import Any

from contender.ladder import EDGES
from contender.observation import Entry, Observation, Problem
from tests.unit.world import World

GATEWAY = {"parentRefs": [{"name": "public"}], "hostnames": ["churn.example.com"]}
URL = "http://churn.example.com/"
SLOW = {"measure": "latency", "over": "50ms", "noWorseThan": 1.25, "below": 0.01}
EVENLY = frozenset({0.025, 0.1})


@dataclass
class GatewayWorld(World):
    """Clients come by the HTTPRoute, once it is written."""

    def see(self) -> Observation:
        seen = super().see()
        return replace(seen, entry=Entry(self.block.route.champion, None, URL) if self.block else None)

    def apply(self, version: str, **trial: Any) -> str:
        super().apply(version, **trial)
        self.raw["spec"]["traffic"]["gateway"] = GATEWAY
        return super().see().wanted.hash

    def condition(self, kind: str) -> dict[str, Any]:
        return next((dict(each) for each in self.status["conditions"] if each["type"] == kind), {})


def serving(**trial: Any) -> GatewayWorld:
    world = GatewayWorld(lag=0.0)
    world.apply("1", **trial)
    world.run(30, until="Idle")
    return world


def test_a_gateway_is_the_way_in_and_no_entry_service_is_made() -> None:
    world = serving()
    made = {manifest["metadata"]["name"] for plan in world.history for manifest in plan.objects}

    assert world.status["url"] == URL
    assert world.condition("Ready")["status"] == "True"
    assert "churn" not in made


def test_a_gateways_problem_is_told_and_the_champion_goes_on_serving() -> None:
    world = serving()
    before = world.status["champion"]
    world.problem = Problem("GatewayMissing", "there is no Gateway team/public: make it")
    world.run(3)

    assert world.condition("Stalled")["reason"] == "GatewayMissing"
    assert "goes on serving" in world.condition("Ready")["message"]
    assert world.status["champion"] == before

    world.problem = None
    world.run(3)

    assert world.condition("Stalled") == {}
    assert world.condition("Ready")["status"] == "True"


def test_evidence_that_a_histogram_cannot_give_is_waited_for_and_never_made_up() -> None:
    world = serving()
    world.edges = EVENLY
    world.apply("2", guardrails=[SLOW])
    world.run(60)
    stalled, trial = world.condition("Stalled"), world.newest_trial

    assert stalled["reason"] == "EvidenceUnavailable"
    assert "25ms, 100ms" in stalled["message"]
    assert trial.verdict
    assert trial.verdict["decision"] == "Hold"
    assert trial.step < 0
    assert world.served.keys() == {trial.champion.variant}

    world.edges = frozenset(EDGES)
    world.run(400, until="Idle")

    assert world.status["champion"]["variant"] == trial.challenger.variant
    assert world.condition("Stalled") == {}


def test_a_histogram_that_has_the_bound_is_enough_and_a_quantile_needs_them_all() -> None:
    world = serving()
    world.edges = EVENLY
    world.apply("2", guardrails=[{**SLOW, "over": "100ms"}])
    world.run(400, until="Idle")
    champion = world.status["champion"]["version"]
    world.apply("3", guardrails=[{"measure": "latency", "quantile": 0.95, "noWorseThan": 1.25}])
    world.run(30)

    assert champion == "2"
    assert world.condition("Stalled")["reason"] == "EvidenceUnavailable"

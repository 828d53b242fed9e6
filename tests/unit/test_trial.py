"""The machine: every phase against every verdict stays inside the table, and ends only on what is seen."""

from itertools import product

import pytest

from contender.api import ENDED, Phase
from contender.rollout import rules
from contender.rollout.trial import EDGES, SETTLES, advance, settle, supersede
from contender.rollout.verdict import Hold, Promote, Reject, Shadow, Shift, Verdict

VERDICTS: list[Verdict] = [
    *(Hold("", rules.reason(rule)) for rule in rules.RULES),
    Shadow(""),
    *(Shift(step, "") for step in range(3)),
    Promote(""),
    Reject(""),
]


# The steps that a phase can be at; the rules promote nobody who is not on a step.
STEPS = {Phase.QUALIFYING: (-1,), Phase.SHADOWING: (-1,), Phase.HOLDING: (-1, 0, 1, 2)}


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in ENDED])
def test_only_declared_edges(phase: Phase) -> None:
    for step, verdict in product(STEPS.get(phase, (0, 1, 2)), VERDICTS):
        if (step < 0 and isinstance(verdict, Promote)) or (step >= 0 and isinstance(verdict, Shadow)):
            continue

        following, _ = advance(phase, step, verdict, in_shadow=phase is Phase.SHADOWING)

        assert following is phase or following in EDGES[phase]


def test_a_trial_that_held_goes_on_in_the_shadow_if_it_was_there() -> None:
    waits = Hold("", "ShadowGoesOn")

    assert advance(Phase.HOLDING, -1, waits, in_shadow=True) == (Phase.SHADOWING, -1)
    assert advance(Phase.HOLDING, -1, waits, in_shadow=False) == (Phase.QUALIFYING, -1)
    assert advance(Phase.HOLDING, 1, waits, in_shadow=False) == (Phase.SHIFTING, 1)


@pytest.mark.parametrize("phase", SETTLES)
def test_a_phase_that_moves_traffic_ends_only_when_the_route_is_seen(phase: Phase) -> None:
    assert settle(phase, route_is_live=False) is phase
    assert settle(phase, route_is_live=True) in ENDED | {Phase.STANDBY}


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in SETTLES])
def test_no_other_phase_ends_by_a_route(phase: Phase) -> None:
    assert settle(phase, route_is_live=True) is phase


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in ENDED])
def test_a_new_wish_ends_every_trial_and_lets_a_rejection_finish(phase: Phase) -> None:
    following = supersede(phase)

    assert following is phase or following in EDGES[phase]
    assert following in {Phase.SUPERSEDING, Phase.REJECTING}


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_can_reach_an_end_and_an_end_is_an_end(phase: Phase) -> None:
    reached, frontier = {phase}, {phase}
    while frontier:
        frontier = {after for before in frontier for after in EDGES[before]} - reached
        reached |= frontier

    assert reached & ENDED
    assert not any(EDGES[end] for end in ENDED)

"""The machine of a trial: which phase follows which, and nothing about why.

A phase that moves traffic (Promoting, Rejecting, Superseding) ends only when the router is *seen* to carry the new
route, never because the route was written: a lost write is simply asked for again.
"""

from contender.api import Phase, Trial
from contender.rollout import rules
from contender.rollout.verdict import Hold, Promote, Reject, Shadow, Shift, Verdict

EDGES: dict[Phase, frozenset[Phase]] = {
    Phase.QUALIFYING: frozenset(
        {
            Phase.SHADOWING,
            Phase.SHIFTING,
            Phase.HOLDING,
            Phase.PROMOTING,
            Phase.REJECTING,
            Phase.SUPERSEDING,
            Phase.SUPERSEDED,
        }
    ),
    Phase.SHADOWING: frozenset(
        {
            Phase.SHIFTING,
            Phase.HOLDING,
            Phase.PROMOTING,
            Phase.REJECTING,
            Phase.SUPERSEDING,
            Phase.SUPERSEDED,
        }
    ),
    Phase.SHIFTING: frozenset({Phase.HOLDING, Phase.PROMOTING, Phase.REJECTING, Phase.SUPERSEDING, Phase.SUPERSEDED}),
    Phase.HOLDING: frozenset(
        {
            Phase.QUALIFYING,
            Phase.SHADOWING,
            Phase.SHIFTING,
            Phase.PROMOTING,
            Phase.REJECTING,
            Phase.SUPERSEDING,
            Phase.SUPERSEDED,
        }
    ),
    Phase.PROMOTING: frozenset({Phase.STANDBY, Phase.REJECTING, Phase.SUPERSEDING, Phase.SUPERSEDED}),
    Phase.STANDBY: frozenset({Phase.PROMOTED, Phase.HOLDING, Phase.REJECTING, Phase.SUPERSEDING, Phase.SUPERSEDED}),
    Phase.REJECTING: frozenset({Phase.REJECTED, Phase.SUPERSEDED}),
    Phase.SUPERSEDING: frozenset({Phase.SUPERSEDED}),
    Phase.PROMOTED: frozenset(),
    Phase.REJECTED: frozenset(),
    Phase.SUPERSEDED: frozenset(),
}

SETTLES: dict[Phase, Phase] = {
    Phase.PROMOTING: Phase.STANDBY,
    Phase.REJECTING: Phase.REJECTED,
    Phase.SUPERSEDING: Phase.SUPERSEDED,
}

BEGINS: dict[type[Verdict], Phase] = {
    Shadow: Phase.SHADOWING,
    Promote: Phase.PROMOTING,
    Reject: Phase.REJECTING,
}

WON = frozenset({Phase.PROMOTING, Phase.STANDBY})  # a Reject may still turn it

WAITS_FOR_THE_WORLD = frozenset(
    rules.reason(rule)
    for rule in (
        rules.challenger_cannot_start,
        rules.trial_is_paused,
        rules.champion_is_not_ready,
        rules.router_is_silent,
        rules.split_is_broken,
        rules.ledger_is_silent,
        rules.labels_are_uneven,
        rules.no_traffic_arrives,
        rules.time_is_up,
        rules.approval_is_awaited,
        rules.labels_are_awaited,
    )
)
STOPS_THE_CLOCK = frozenset(
    map(
        rules.reason,
        (rules.trial_is_paused, rules.approval_is_awaited, rules.ledger_is_silent, rules.labels_are_uneven),
    )
)
WAITS_FOR_LABELS = rules.reason(rules.labels_are_awaited)  # the clock runs while some come


def advance(phase: Phase, step: int, verdict: Verdict, *, in_shadow: bool) -> tuple[Phase, int]:
    """The phase and step after `verdict`. Phases that move traffic wait for the router; a promotion can be turned.

    `in_shadow`: the challenger gets copies of requests, and no share yet.
    """
    if phase in WON and isinstance(verdict, Reject):
        return Phase.REJECTING, step
    if phase in SETTLES or phase in WON:
        return phase, step
    match verdict:
        case Shift():
            return Phase.SHIFTING, verdict.step
        case Hold():
            return _held(step, verdict.rule, in_shadow=in_shadow), step
        case _:
            return BEGINS[type(verdict)], step


def supersede(phase: Phase) -> Phase:
    """The phase after the wish went to another model. A rejection under way is finished first."""
    return Phase.REJECTING if phase is Phase.REJECTING else Phase.SUPERSEDING


def settle(phase: Phase, *, route_is_live: bool) -> Phase:
    """The phase that follows once every router pod is seen to carry the route which the phase asks for."""
    return SETTLES.get(phase, phase) if route_is_live else phase


def is_rejected(trial: Trial | None, wanted: str) -> bool:
    """The wish for `wanted` was tried and sent back, and has not been withdrawn since."""
    return bool(trial and trial.phase is Phase.REJECTED and trial.challenger.variant == wanted and not trial.withdrawn)


def _held(step: int, rule: str, *, in_shadow: bool) -> Phase:
    if rule in WAITS_FOR_THE_WORLD:
        return Phase.HOLDING
    if step >= 0:
        return Phase.SHIFTING
    return Phase.SHADOWING if in_shadow else Phase.QUALIFYING

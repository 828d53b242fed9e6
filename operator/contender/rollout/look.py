"""One look at a trial: take in the evidence, judge, and go one step further.

All that it knows it writes into the Trial, so that a new operator process goes on where the last one stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contender.api import ENDED, Json, Phase, Trial, rfc3339
from contender.intent import Intent
from contender.observation import RouterPod, Variant
from contender.rollout import rules
from contender.rollout import trial as machine
from contender.rollout.commands import Commands
from contender.rollout.evidence import Evidence
from contender.rollout.findings import findings
from contender.rollout.verdict import Verdict

DECISIONS = 50  # kept in the Trial, the newest last
SHORTEST = 1.0  # seconds between two looks: a reconcile that comes sooner has nothing new to judge


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a trial sees."""

    now: datetime
    challenger: Variant | None
    champion_ready: bool
    champion_replicas: int
    capacity: int
    pods: Sequence[RouterPod]
    silent: tuple[str, ...]
    share_is_live: bool
    commands: Commands
    settled: bool  # every router pod carries the route at which the present phase ends


def again(trial: Trial, sight: Sight) -> Trial:
    """The trial after one more look."""
    trial = replace(trial, started_at=trial.started_at or sight.now)
    if trial.phase in machine.SETTLES and (sight.settled or trial.phase is not Phase.PROMOTING):
        return _settled(trial, sight)
    if too_soon(trial, sight):
        return trial
    seen = _taken_in(trial, sight)
    known = facts(seen, sight)
    verdict = rules.turn(known) if trial.phase is Phase.PROMOTING else rules.judge(known)
    return seen if verdict is None else decided(seen, verdict, sight.now)


def too_soon(trial: Trial, sight: Sight) -> bool:
    """Whether the last look is so near that nothing new can be judged."""
    return trial.looked_at is not None and 0 <= (sight.now - trial.looked_at).total_seconds() < SHORTEST


def share(trial: Trial) -> int:
    """The share, in percent, that the trial's present step asks for."""
    return trial.rules.steps[trial.step] if trial.step >= 0 else 0


def wanted_share(trial: Trial) -> int:
    """The share, in percent, that the trial is at or on its way to."""
    if trial.phase in {Phase.PROMOTING, Phase.STANDBY, Phase.PROMOTED}:
        return 100
    ending = {Phase.REJECTING, Phase.REJECTED, Phase.SUPERSEDING, Phase.SUPERSEDED}
    return 0 if trial.phase in ending else share(trial)


def supersede(trial: Trial, wanted: Intent, sight: Sight) -> Trial:
    """The trial after the wish went elsewhere; unchanged when its end is under way already.

    After promotion the old champion, if it can, takes the traffic back when it is wanted, or when the new one is lost;
    any other wish just ends the standby.
    """
    if machine.supersede(trial.phase) is trial.phase:
        return trial
    back = wanted.hash == trial.champion.variant
    lost = sight.challenger is None or not sight.challenger.ready
    if trial.phase is Phase.STANDBY and not (sight.champion_ready and (back or lost)):
        return replace(trial, phase=Phase.PROMOTED, ended_at=sight.now)
    rule = "ChampionIsWantedAgain" if back else "AnotherModelIsWanted"
    said = "spec asks for the champion again" if back else f"spec asks for variant {wanted.hash} instead"
    return replace(recorded(trial, "Supersede", rule, said, sight.now), phase=Phase.SUPERSEDING)


def abandon(trial: Trial, champion: str, now: datetime) -> Trial:
    """The trial when nothing of who holds its traffic is left: there is nobody to compare with, or to go back from."""
    said = f"no object of champion {champion} is left"
    return replace(recorded(trial, "Supersede", "ChampionIsGone", said, now), phase=Phase.SUPERSEDED, ended_at=now)


def _settled(trial: Trial, sight: Sight) -> Trial:
    phase = machine.settle(trial.phase, route_is_live=sight.settled)
    return replace(trial, phase=phase, ended_at=sight.now if phase in ENDED else None)


def _taken_in(trial: Trial, sight: Sight) -> Trial:
    """Evidence since the last look, and the clocks that run on it."""
    before = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)
    after = before.absorb(sight.pods, trial.champion.variant, trial.challenger.variant, share(trial))
    grew = after.challenger_requests > before.challenger_requests
    counts = grew and (trial.verdict or {}).get("rule") not in machine.STOPS_THE_CLOCK
    begun = sight.share_is_live and trial.step >= 0
    alive = sight.challenger is not None and sight.challenger.ready > 0
    return replace(
        trial,
        evidence=after.dump(trial.rules.confidence),
        looked_at=sight.now,
        since=(trial.since or (sight.now if begun else None)) if alive else None,
        traffic_at=sight.now if grew else trial.traffic_at,
        judged_seconds=trial.judged_seconds + (_passed(trial, sight.now) if counts else 0.0),
    )


def _passed(trial: Trial, now: datetime) -> float:
    """Seconds since the last look, as far as they can be believed: clocks jump, and an operator may have been away."""
    passed = (now - trial.looked_at).total_seconds() if trial.looked_at else 0.0
    return min(max(passed, 0.0), rules.TRAFFIC_PATIENCE)


def facts(trial: Trial, sight: Sight) -> rules.Facts:
    """What the rules may know at this look."""
    evidence = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)
    heard = max((when for when in (trial.since, trial.traffic_at) if when), default=sight.now)
    challenger = sight.challenger
    return rules.Facts(
        rules=trial.rules,
        step=trial.step,
        problem=challenger.problem if challenger else None,
        ready=challenger.ready if challenger else 0,
        capacity=sight.capacity,
        champion_ready=sight.champion_ready,
        silent_routers=sight.silent,
        share_is_live=sight.share_is_live,
        soaked=(sight.now - trial.since).total_seconds() if trial.since else 0.0,
        judged=trial.judged_seconds,
        quiet=(sight.now - heard).total_seconds(),
        challenger_requests=evidence.challenger_requests,
        findings=findings(evidence, trial.rules.confidence),
        commands=sight.commands,
        trusted=trial.trusted,
    )


def decided(trial: Trial, verdict: Verdict, now: datetime) -> Trial:
    """The trial after `verdict`."""
    phase, step = machine.advance(trial.phase, trial.step, verdict)
    moved = step != trial.step
    told = recorded(replace(trial, phase=phase, step=step), type(verdict).__name__, verdict.rule, verdict.message, now)
    return new_step(told) if moved else told


def new_step(trial: Trial) -> Trial:
    """The trial with soak and proof begun anew."""
    evidence = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives).begin_step()
    return replace(trial, since=None, traffic_at=None, evidence=evidence.dump(trial.rules.confidence))


def recorded(trial: Trial, decision: str, rule: str, message: str, now: datetime) -> Trial:
    """The verdict, and a line in the list of decisions when it is another one than before."""
    verdict: dict[str, Any] = {"decision": decision, "rule": rule, "message": message, "at": rfc3339(now)}
    line = {**verdict, "share": share(trial)}
    last = trial.decisions[-1] if trial.decisions else {}
    same = all(last.get(key) == line[key] for key in ("decision", "rule", "share"))
    decisions = trial.decisions if same else _kept((*trial.decisions, line))
    return replace(trial, verdict=verdict, decisions=decisions)


def _kept(decisions: tuple[Json, ...]) -> tuple[Json, ...]:
    """At most `DECISIONS`: what only waited is forgotten first, so that the story of the share stays whole."""
    if len(decisions) <= DECISIONS:
        return decisions
    holds = (at for at, decision in enumerate(decisions) if decision["decision"] == "Hold")
    oldest = next(holds, 0)
    return (*decisions[:oldest], *decisions[oldest + 1 :])

"""One look at a trial: take in the evidence, judge, and go one step further.

All that it knows it writes into the Trial, so that a new operator process goes on where the last one stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contender.api import ENDED, Json, Phase, Trial, rfc3339
from contender.intent import Intent
from contender.observation import Recording, RouterPod, Variant
from contender.rollout import eta, labels, record, room, rules, series, shadow
from contender.rollout import trial as machine
from contender.rollout.commands import Commands
from contender.rollout.counting import Dropped
from contender.rollout.evidence import Evidence
from contender.rollout.findings import awaited, findings, sentence
from contender.rollout.verdict import Shadow, Verdict

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
    recordings: Mapping[str, Sequence[Recording]]
    share_is_live: bool
    commands: Commands
    settled: bool  # every router pod carries the route at which the present phase ends
    by_user: bool  # users are split, and not requests
    heard: labels.Heard = labels.NOTHING_ASKED


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
    return told(seen if verdict is None else decided(seen, verdict, known, sight.now))


def told(trial: Trial) -> Trial:
    """The trial with what people read in it, and no larger than it may be."""
    evidence = Evidence.of(trial)
    known = replace(trial, eta=eta.told(trial, evidence))
    both = zip(evidence.measures, rates(known, evidence), strict=True)
    sentences = (f"{measure.name}: {sentence(measure, trial.rules.confidence, rate)}" for measure, rate in both)
    return room.fitted(replace(known, sentences=tuple(sentences)))


def rates(trial: Trial, evidence: Evidence) -> tuple[float | None, ...]:
    """What the present share brings each measure a second, of requests or of labels; None while it is not known."""
    requests = trial.eta.get("requestsPerSecond", 0.0) * share(trial) / 100 or None
    both = enumerate(evidence.measures)
    return tuple(eta.challenger_labels(trial.series, at) if each.labelled else requests for at, each in both)


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
    before = Evidence.of(trial)
    after, pairs = _evidence(trial, before, sight)
    grew = after.challenger_requests > before.challenger_requests
    soaked = _soaked_on(trial, sight)
    after = _labelled(trial, after, sight, live=soaked.since is not None)
    judged = passed(trial, sight.now) if _clock_runs(trial, after, sight.now, grew=grew) else 0.0
    after = after.drop(unheard(trial, sight))
    point = series.point(after, share(trial), (sight.now - (trial.started_at or sight.now)).total_seconds())
    return replace(
        soaked,
        series=series.extended(trial.series, point),
        evidence=after.dump(trial.rules.confidence),
        pairs=pairs,
        looked_at=sight.now,
        traffic_at=sight.now if grew else _no_later(trial.traffic_at, sight.now),
        judged_seconds=trial.judged_seconds + judged,
        shadowed_seconds=(trial.shadowed_seconds or 0.0) + judged if trial.in_shadow else trial.shadowed_seconds,
    )


def _evidence(trial: Trial, before: Evidence, sight: Sight) -> tuple[Evidence, Json]:
    """The evidence after this look, and the trial's pairs."""
    if trial.in_shadow:
        return shadow.absorb(trial, before, sight.pods, sight.recordings)
    champion, challenger = trial.champion.variant, trial.challenger.variant
    return before.absorb(sight.pods, champion, challenger, share(trial), by_user=sight.by_user), trial.pairs


def _labelled(trial: Trial, before: Evidence, sight: Sight, *, live: bool) -> Evidence:
    """The evidence with what labels tell, and with the windows that the traffic asks for from now on."""
    after = labels.hear(trial, before, sight.heard, sight.now, by_user=sight.by_user)
    shared = live and trial.step >= 0 and trial.phase is not Phase.PROMOTING
    return labels.follow(after, share(trial), trial.looked_at, sight.now, live=shared)


def _clock_runs(trial: Trial, after: Evidence, now: datetime, *, grew: bool) -> bool:
    """Whether the time since the last look counts for `timeout`: something that the trial waits for has come."""
    rule = (trial.verdict or {}).get("rule")
    if rule == machine.WAITS_FOR_LABELS:
        return after.ledger.comes(now)
    return grew and rule not in machine.STOPS_THE_CLOCK


def _soaked_on(trial: Trial, sight: Sight) -> Trial:
    """The soak is a sum of what passed between looks, so that a clock which is set neither ends nor prolongs it."""
    alive = sight.challenger is not None and sight.challenger.ready > 0
    if not alive:
        return replace(trial, since=None, soaked_seconds=0.0)
    begun = sight.share_is_live and (trial.step >= 0 or trial.in_shadow)
    if trial.since is None:
        return replace(trial, since=sight.now if begun else None, soaked_seconds=0.0)
    soaked = trial.soaked_seconds + passed(trial, sight.now)
    return replace(trial, since=_no_later(trial.since, sight.now), soaked_seconds=soaked)


def unheard(trial: Trial, sight: Sight) -> dict[str, int]:
    """What of this look is no evidence, whatever the counters say: silent router pods, and time not to be believed."""
    elapsed = (sight.now - trial.looked_at).total_seconds() if trial.looked_at else 0.0
    found = {
        Dropped.SILENT: len(sight.silent),
        Dropped.CLOCK: int(elapsed < 0),
        Dropped.AWAY: int(elapsed > rules.TRAFFIC_PATIENCE),
    }
    return {str(why): times for why, times in found.items() if times}


def passed(trial: Trial, now: datetime) -> float:
    """Seconds since the last look, as far as they can be believed: clocks jump, and an operator may have been away."""
    elapsed = (now - trial.looked_at).total_seconds() if trial.looked_at else 0.0
    return min(max(elapsed, 0.0), rules.TRAFFIC_PATIENCE)


def _no_later(when: datetime | None, now: datetime) -> datetime | None:
    """What was noted before the clock was set back must not lie ahead."""
    return when and min(when, now)


def facts(trial: Trial, sight: Sight) -> rules.Facts:
    """What the rules may know at this look."""
    evidence = Evidence.of(trial)
    heard = max((when for when in (trial.since, trial.traffic_at) if when), default=sight.now)
    challenger, arriving = sight.challenger, rates(trial, evidence)
    return rules.Facts(
        rules=trial.rules,
        step=trial.step,
        problem=challenger.problem if challenger else None,
        ready=challenger.ready if challenger else 0,
        capacity=sight.capacity,
        champion_ready=sight.champion_ready,
        silent_routers=sight.silent,
        share_is_live=sight.share_is_live,
        soaked=round(trial.soaked_seconds, 3),
        judged=round(trial.judged_seconds, 3),
        shadowed=None if trial.shadowed_seconds is None else round(trial.shadowed_seconds, 3),
        quiet=round((sight.now - heard).total_seconds(), 3),
        challenger_requests=evidence.challenger_requests,
        findings=findings(evidence, trial.rules.confidence, arriving),
        commands=sight.commands,
        trusted=trial.trusted,
        broken_split=evidence.split.problem,
        ledger_silence=evidence.ledger.silence,
        uneven_labels=None if sight.by_user else evidence.ledger.uneven,
        awaited_labels=awaited(evidence, trial.rules.confidence, arriving),
    )


def decided(trial: Trial, verdict: Verdict, known: rules.Facts, now: datetime) -> Trial:
    """The trial after `verdict`, which follows from `known`."""
    phase, step = machine.advance(trial.phase, trial.step, verdict, in_shadow=trial.in_shadow)
    shadowed = 0.0 if isinstance(verdict, Shadow) else trial.shadowed_seconds
    moved = step != trial.step or shadowed != trial.shadowed_seconds
    kept = {"facts": record.dump(known, won=trial.phase in machine.WON), **_state(trial)}
    after = replace(trial, phase=phase, step=step, shadowed_seconds=shadowed)
    told = recorded(after, type(verdict).__name__, verdict.rule, verdict.message, now, kept)
    return new_step(told) if moved else _ended(told, now) if phase in machine.SETTLES else told


def _ended(trial: Trial, now: datetime) -> Trial:
    """The trial with no more answers to be judged by their labels: the share is about to change."""
    evidence = Evidence.of(trial)
    if evidence.ledger.open is None:
        return trial
    return replace(trial, evidence=evidence.close_window(now).dump(trial.rules.confidence))


def _state(trial: Trial) -> dict[str, Any]:
    """What the tests stood at when it was judged; after promotion `watches` judges, and evidence rests."""
    if trial.phase in machine.WON:
        return {}
    evidence = Evidence.of(trial)
    return {"state": [measure.state() for measure in evidence.measures]}


def new_step(trial: Trial) -> Trial:
    """The trial with soak and proof begun anew."""
    before = Evidence.of(trial)
    evidence = before.close_window(trial.looked_at).begin_step() if trial.looked_at else before.begin_step()
    return replace(
        trial, since=None, soaked_seconds=0.0, traffic_at=None, evidence=evidence.dump(trial.rules.confidence)
    )


def recorded(trial: Trial, decision: str, rule: str, message: str, now: datetime, kept: Json | None = None) -> Trial:
    """The verdict, and a line in the list of decisions when it is another one than before.

    `kept` is what a rule spoke from; None when no rule did.
    """
    verdict: dict[str, Any] = {"decision": decision, "rule": rule, "message": message, "at": rfc3339(now)}
    line = {**verdict, "share": share(trial), **(kept or {})}
    last = trial.decisions[-1] if trial.decisions else {}
    same = all(last.get(key) == line[key] for key in ("decision", "rule", "share"))
    return replace(trial, verdict=verdict, decisions=trial.decisions if same else (*trial.decisions, line))

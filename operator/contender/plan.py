"""From what was seen to what shall be: `make_plan(Observation) -> Plan`, and nothing else decides.

Five questions, in order: who is champion, what becomes of the trial, how is the traffic split (`traffic`), which
variants stay and what are they made of (`desired`), what is told to people (`status`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contender import desired, names, status, traffic
from contender.api import Phase, Trial
from contender.conditions import Type
from contender.manifests import trial as trial_manifest
from contender.observation import Block, Observation
from contender.rollout import capacity, look, quality, standby
from contender.rollout.answers import Outcome
from contender.rollout.commands import given, renewed, retries, stale
from contender.rollout.labels import Heard
from contender.rollout.trial import WAITS_FOR_THE_WORLD, is_rejected

TRIAL_SECONDS = 2.0  # between two looks while a trial runs
MOVING_SECONDS = 1.0  # ... while a router pod or a variant is on its way
MENDED_SECONDS = 10.0  # ... while a Gateway waits for a person
IDLE_SECONDS = 300.0  # ... when nothing is to be waited for but an event


@dataclass(frozen=True, slots=True)
class Event:
    type: str  # Normal or Warning
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reconcile shall write, in this order; whatever already is so is not written."""

    trial: Trial | None  # the newest, as it shall be recorded
    begins: Mapping[str, Any] | None  # a Trial to create
    objects: tuple[Mapping[str, Any], ...]
    block: Block | None
    stale_routers: tuple[str, ...]  # pods that do not carry the block yet
    surplus: tuple[str, ...]  # variants whose objects go
    old_trials: tuple[str, ...]
    status: Mapping[str, Any]
    events: tuple[Event, ...]
    look_again: float  # seconds


def make_plan(seen: Observation) -> Plan:
    """Raises RouterFull when the namespace's router has no room for this ModelDeployment."""
    before = seen.trials[-1] if seen.trials else None
    reigning = find_champion(seen)
    trial = _one_look_further(before, reigning, seen)
    champion = find_champion(replace(seen, trials=(*seen.trials[:-1], trial))) if trial else reigning
    begins = _begin(champion, trial, seen)
    route = traffic.wanted_route(champion, trial, seen)
    block, live = traffic.wanted_block(route, trial, seen), traffic.is_live(route, seen)
    kept = desired.intents(champion, trial, seen)
    surplus = tuple(sorted(seen.variants.keys() - kept.keys() - traffic.reachable(block, seen)))
    stale = traffic.stale_pods(block, seen)
    entry = tuple(desired.entry(champion, block, seen, live=live))
    url = traffic.url(seen, made=bool(entry))
    problem = seen.router.problem or traffic.unjudged(trial, seen)
    told = quality.again(
        seen.deployment, champion, Heard(seen.quality, seen.quality_silence), seen.router.pods, seen.now
    )
    report = status.Report(seen, champion, trial, live=live, url=url, obstacle=problem, quality=told)
    wanted = seen.deployment.status if begins else status.build(report)  # a beginning is told at the next look
    return Plan(
        trial=trial,
        begins=begins,
        objects=(*desired.objects(kept, trial, seen), *entry),
        block=block,
        stale_routers=stale,
        surplus=surplus,
        old_trials=_old_trials(seen),
        status=wanted,
        events=(
            *_events(before, trial, begins),
            *_same(champion, seen),
            *(() if begins else _answered(report)),
            *_quality_turned(seen.deployment.status, wanted),
        ),
        look_again=_look_again(trial, seen, settled=live and not (stale or surplus or begins)),
    )


def find_champion(seen: Observation) -> str | None:
    """Who holds the traffic: the newest Trial knows best, then the entry Service, then status, then the router.

    Never `spec`, which is only a wish. A champion of which no object is left is none.
    """
    witnesses = [
        _winner(seen.trials[-1]) if seen.trials else None,
        seen.entry.champion if seen.entry else None,
        seen.deployment.status.get("champion", {}).get("variant"),
        seen.router.block.route.champion if seen.router.block else None,
    ]
    return next((witness for witness in witnesses if witness in seen.variants), None)


def _winner(trial: Trial) -> str:
    won = trial.phase in {Phase.STANDBY, Phase.PROMOTED}
    return (trial.challenger if won else trial.champion).variant


def _one_look_further(trial: Trial | None, champion: str | None, seen: Observation) -> Trial | None:
    if trial is None or champion is None:
        return trial
    wish_is_gone = trial.challenger.variant != seen.wanted.hash
    trial = replace(trial, renewed=renewed(seen.deployment.annotations, trial))
    if trial.ended:
        return replace(trial, withdrawn=trial.withdrawn or wish_is_gone)
    if _winner(trial) != champion:
        return look.abandon(trial, _winner(trial), seen.now)
    sight = _sight(trial, seen)
    if wish_is_gone:
        trial = look.supersede(trial, seen.wanted, sight)
    return _looked_at(trial, sight)


def _looked_at(trial: Trial, sight: look.Sight) -> Trial:
    if trial.ended:
        return trial
    if trial.phase is Phase.STANDBY:
        return standby.again(trial, sight)
    after = look.again(trial, sight)
    if after.phase is Phase.PROMOTING and trial.phase is not Phase.PROMOTING:  # the day has more traffic than the night
        after = replace(after, champion_replicas=max(after.champion_replicas, sight.champion_replicas))
    return standby.begin(after, sight.now) if after.phase is Phase.STANDBY else after


def _sight(trial: Trial, seen: Observation) -> look.Sight:
    """Counts that cannot be judged are as good as none."""
    champion = seen.variants.get(trial.champion.variant)
    unjudged = traffic.unjudged(trial, seen) is not None
    return look.Sight(
        now=seen.now,
        challenger=seen.variants.get(trial.challenger.variant),
        champion_ready=bool(champion and champion.ready),
        champion_replicas=champion.replicas if champion else 0,
        capacity=capacity.challenger_pods(trial, seen.deployment),
        pods=() if unjudged else seen.router.pods,
        silent=(*seen.router.silent, *(pod.name for pod in seen.router.pods if unjudged)),
        recordings=seen.recordings,
        share_is_live=traffic.is_live(traffic.wanted_route(trial.champion.variant, trial, seen), seen),
        commands=given(seen.deployment.annotations, trial),
        settled=traffic.is_live(traffic.last_route(trial), seen),
        by_user=seen.deployment.sticky is not None,
        heard=Heard(seen.labels, seen.ledger_silence),
    )


def _begin(champion: str | None, trial: Trial | None, seen: Observation) -> Mapping[str, Any] | None:
    """A Trial for a wish that is neither champion, nor on trial, nor rejected and not to be tried again."""
    wanted = seen.wanted
    under_way = trial is not None and not trial.ended
    retry = trial is not None and is_rejected(trial, wanted.hash) and retries(seen.deployment.annotations, trial)
    if champion is None or wanted.hash == champion or under_way or (is_rejected(trial, wanted.hash) and not retry):
        return None
    earlier = (*seen.trials[:-1], trial) if trial else ()
    trusted = wanted.hash in _former_champions(earlier, seen.deployment.trusted_history)
    old_commands = stale(seen.deployment.annotations, wanted.hash, earlier)
    number = 1 + max((names.trial_number(old.name) for old in seen.trials), default=0)
    incumbent = seen.variants[champion]
    pods = max(1, incumbent.replicas)
    return trial_manifest.trial(
        seen.deployment,
        number,
        incumbent.intent.contestant,
        wanted.contestant,
        pods,
        trusted=trusted,
        stale=old_commands,
    )


def _former_champions(trials: Sequence[Trial], most: int) -> set[str]:
    """Those that the latest promotions replaced, at most so many, but for who was rejected in its latest trial."""
    replaced = [trial.champion.variant for trial in trials if trial.phase is Phase.PROMOTED]
    newest_first = list(dict.fromkeys(reversed(replaced)))
    latest = {trial.challenger.variant: trial.phase for trial in trials}
    return {variant for variant in newest_first[:most] if latest.get(variant) is not Phase.REJECTED}


def _old_trials(seen: Observation) -> tuple[str, ...]:
    return tuple(trial.name for trial in seen.trials[: -seen.deployment.history_limit] if trial.ended)


def _events(before: Trial | None, after: Trial | None, begins: Mapping[str, Any] | None) -> Iterator[Event]:
    if begins is not None:
        name, challenger = begins["metadata"]["name"], begins["spec"]["challenger"]
        yield Event("Normal", "TrialBegins", f"{name}: variant {challenger['variant']} is the challenger")
    if before is None or after is None:
        return
    foretold = after.eta.get("foretold")
    if foretold and "foretold" not in before.eta:
        warned = "Normal" if foretold["inTime"] else "Warning"
        yield Event(warned, "TrialForetold", f"{after.name}: {foretold['message']}")
    told = {(decision["at"], decision["rule"]) for decision in before.decisions}
    for decision in after.decisions:
        if (decision["at"], decision["rule"]) not in told and (kind := _event_type(decision)):
            yield Event(kind, decision["rule"], f"{after.name}: {decision['decision']}: {decision['message']}")
    variant = after.challenger.variant
    if after.phase is Phase.STANDBY and before.phase is Phase.PROMOTING:
        said = f"{after.champion.variant} stands by for {after.rules.standby}"
        yield Event("Normal", "TrialPromoted", f"{after.name}: variant {variant} is the champion; {said}")
    elif after.ended and not before.ended:
        reason = "StandbyIsOver" if after.phase is Phase.PROMOTED else f"Trial{after.phase}"
        yield Event("Normal", reason, f"{after.name}: variant {variant} is {after.phase}")


def _same(champion: str | None, seen: Observation) -> Iterator[Event]:
    """Whoever only raised the model's version may wait for a trial: it is said once that there is nothing to try."""
    told, wanted = seen.deployment.status.get("champion", {}), seen.wanted.contestant
    if wanted.variant == champion == told.get("variant") and wanted.version != told.get("version"):
        before, now = told.get("version", "none"), wanted.version or "none"
        said = f"its version is {now} now and was {before}, but bytes and runtime are the same: there is nothing to try"
        yield Event("Normal", "SameVariant", f"spec asks for the champion, variant {champion}; {said}")


def _answered(report: status.Report) -> Iterator[Event]:
    """One for each command whose outcome is another than was last told."""
    told = {(old["command"], old["value"], old["outcome"]) for old in report.seen.deployment.status.get("commands", ())}
    for answer in report.answers:
        if (answer.command, answer.value, answer.outcome) not in told:
            kind = "Warning" if answer.outcome is Outcome.REFUSED else "Normal"
            said = f"{answer.command} {answer.value}: {answer.message}"
            yield Event(kind, f"Command{answer.outcome}", said)


def _quality_turned(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Event]:
    """One whenever labels show something else of the champion than was last told."""
    was, now = (_condition(told, Type.QUALITY_KEPT) for told in (before, after))
    if now and now.get("reason") != (was.get("reason") or "LabelsAreAwaited"):
        kind = "Warning" if now["reason"] in {"QualityIsBroken", "LedgerIsSilent"} else "Normal"
        yield Event(kind, now["reason"], now["message"])


def _condition(told: Mapping[str, Any], kind: Type) -> Mapping[str, Any]:
    return next((each for each in told.get("conditions", ()) if each["type"] == kind), {})


def _event_type(decision: Mapping[str, Any]) -> str | None:
    """Holding is worth an Event only while it waits for the world."""
    if decision["decision"] == "Hold":
        return "Warning" if decision["rule"] in WAITS_FOR_THE_WORLD else None
    return "Warning" if decision["decision"] == "Reject" else "Normal"


def _look_again(trial: Trial | None, seen: Observation, *, settled: bool) -> float:
    if seen.router.problem is not None:
        return MENDED_SECONDS
    if not settled:
        return MOVING_SECONDS
    if trial is not None and not trial.ended:
        return TRIAL_SECONDS
    monitoring = seen.deployment.monitoring
    return IDLE_SECONDS if monitoring is None else quality.every(monitoring)

"""After promotion: the old champion stands by, and takes the traffic back in one step if a guardrail breaks."""

from dataclasses import replace
from datetime import datetime

from contender.api import Phase, Trial, seconds
from contender.rollout import room, rules
from contender.rollout.counting import count, interval
from contender.rollout.evidence import Evidence
from contender.rollout.findings import rounded
from contender.rollout.look import SHORTEST, Sight, decided, facts, new_step, passed, recorded, too_soon, unheard
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding
from contender.rollout.watch import Watch


def begin(trial: Trial, now: datetime) -> Trial:
    """The trial as the last router pod carries the promotion."""
    evidence = Evidence.of(trial)
    watches = tuple(Watch.begin(measure, trial.rules.confidence).dump() for measure in _guarded(evidence))
    return room.fitted(replace(trial, phase=Phase.STANDBY, since=now, soaked_seconds=0.0, watches=watches))


def again(trial: Trial, sight: Sight) -> Trial:
    """The trial after one more look. Nothing goes back to a variant that has no ready pod."""
    lost = sight.challenger is None or not sight.challenger.ready
    if lost:
        return _set_back(trial, sight) if sight.champion_ready else trial
    if too_soon(trial, sight):
        return trial
    seen = _taken_in(trial, sight)
    known = replace(facts(seen, sight), findings=_findings(seen), broken_split=None, uneven_labels=None)  # no split
    verdict = rules.turn(known) if sight.champion_ready else None
    if verdict is not None:
        return room.fitted(decided(seen, verdict, known, sight.now))
    over = seen.soaked_seconds >= seconds(trial.rules.standby)
    return replace(seen, phase=Phase.PROMOTED, ended_at=sight.now) if over else seen


def _set_back(trial: Trial, sight: Sight) -> Trial:
    """A champion without pods is no champion: it is on trial again, at its last share, when its pods are back."""
    said = f"no pod of the new champion is ready: {trial.champion.variant} takes the traffic back"
    held = recorded(trial, "Hold", "ChampionIsLost", said, sight.now)
    return new_step(replace(held, phase=Phase.HOLDING))


def _taken_in(trial: Trial, sight: Sight) -> Trial:
    """The counts of the promoted variant alone: it is the only one that the route names."""
    evidence = Evidence.of(trial)
    holder, other = trial.challenger.variant, trial.champion.variant
    seen, cursors, dropped = interval(evidence.cursors, evidence.of_use(sight.pods), holder, other, 0)
    watches = tuple(watch.absorb(count(seen.champion, watch.guardrail)).dump() for watch in _watches(trial, evidence))
    after = replace(evidence, cursors=cursors).drop(dropped).drop(unheard(trial, sight))
    soaked = trial.soaked_seconds + passed(trial, sight.now)
    told = after.dump(trial.rules.confidence)
    return replace(trial, evidence=told, watches=watches, looked_at=sight.now, soaked_seconds=soaked)


def _watches(trial: Trial, evidence: Evidence) -> tuple[Watch, ...]:
    return tuple(Watch.parse(raw, measure) for raw, measure in zip(trial.watches, _guarded(evidence), strict=True))


def _guarded(evidence: Evidence) -> list[MeasureEvidence]:
    """What is watched: not what labels tell, which may come when the standby is long over."""
    return [measure for measure in evidence.measures if not (measure.objective or measure.labelled)]


def _findings(trial: Trial) -> tuple[Finding, ...]:
    evidence = Evidence.of(trial)
    looks = 1 + seconds(trial.rules.standby) / SHORTEST
    watches = _watches(trial, evidence)
    return tuple(Finding(watch.name, rounded(watch.breach(looks)), 0.0, watch.summary) for watch in watches)

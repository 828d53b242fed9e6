"""After promotion: the old champion stands by, and takes the traffic back in one step if a guardrail breaks."""

from dataclasses import replace
from datetime import datetime

from contender.api import Phase, Trial, seconds
from contender.rollout import rules
from contender.rollout.counting import count, interval
from contender.rollout.evidence import Evidence
from contender.rollout.look import SHORTEST, Sight, decided, facts, new_step, recorded, too_soon
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding
from contender.rollout.watch import Watch


def begin(trial: Trial, now: datetime) -> Trial:
    """The trial as the last router pod carries the promotion."""
    evidence = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)
    watches = tuple(Watch.begin(measure, trial.rules.confidence).dump() for measure in _guarded(evidence))
    return replace(trial, phase=Phase.STANDBY, since=now, watches=watches)


def again(trial: Trial, sight: Sight) -> Trial:
    """The trial after one more look. Nothing goes back to a variant that has no ready pod."""
    lost = sight.challenger is None or not sight.challenger.ready
    if lost:
        return _set_back(trial, sight) if sight.champion_ready else trial
    if too_soon(trial, sight):
        return trial
    seen = _taken_in(trial, sight)
    verdict = rules.turn(replace(facts(seen, sight), findings=_findings(seen))) if sight.champion_ready else None
    if verdict is not None:
        return decided(seen, verdict, sight.now)
    return replace(seen, phase=Phase.PROMOTED, ended_at=sight.now) if _is_over(seen, sight.now) else seen


def _set_back(trial: Trial, sight: Sight) -> Trial:
    """A champion without pods is no champion: it is on trial again, at its last share, when its pods are back."""
    said = f"no pod of the new champion is ready: {trial.champion.variant} takes the traffic back"
    held = recorded(trial, "Hold", "ChampionIsLost", said, sight.now)
    return new_step(replace(held, phase=Phase.HOLDING))


def _is_over(trial: Trial, now: datetime) -> bool:
    return trial.since is None or (now - trial.since).total_seconds() >= seconds(trial.rules.standby)


def _taken_in(trial: Trial, sight: Sight) -> Trial:
    """The counts of the promoted variant alone: it is the only one that the route names."""
    evidence = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)
    holder, other = trial.challenger.variant, trial.champion.variant
    seen, cursors, _ = interval(evidence.cursors, evidence.of_use(sight.pods), holder, other, 0)
    watches = tuple(watch.absorb(count(seen.champion, watch.guardrail)).dump() for watch in _watches(trial, evidence))
    after = replace(evidence, cursors=cursors)
    return replace(trial, evidence=after.dump(trial.rules.confidence), watches=watches, looked_at=sight.now)


def _watches(trial: Trial, evidence: Evidence) -> tuple[Watch, ...]:
    return tuple(Watch.parse(raw, measure) for raw, measure in zip(trial.watches, _guarded(evidence), strict=True))


def _guarded(evidence: Evidence) -> list[MeasureEvidence]:
    return [measure for measure in evidence.measures if not measure.objective]


def _findings(trial: Trial) -> tuple[Finding, ...]:
    evidence = Evidence.parse(trial.evidence, trial.rules.guardrails, trial.rules.objectives)
    looks = 1 + seconds(trial.rules.standby) / SHORTEST
    return tuple(Finding(watch.name, watch.breach(looks), 0.0, watch.summary) for watch in _watches(trial, evidence))

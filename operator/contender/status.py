"""The status of a ModelDeployment: what `kubectl get` and `describe` tell. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contender.api import Phase, Trial, rfc3339
from contender.conditions import FALSE, TRUE, UNKNOWN, Condition, Type, dump
from contender.observation import Observation, Problem, Variant
from contender.rollout import answers, look
from contender.rollout.answers import Answer, Subject
from contender.rollout.quality import LEAST, Quality, is_silent
from contender.rollout.trial import WON, is_rejected

HISTORY = 10
BLIND = timedelta(minutes=2)  # for so long an HPA may know no metric of new pods


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell."""

    seen: Observation
    champion: str | None
    trial: Trial | None  # the newest
    live: bool  # every router pod carries the wanted route
    url: str | None  # where clients call; None before anything lets them in
    obstacle: Problem | None = None  # what keeps the traffic from being split or judged as wanted
    quality: Quality | None = None  # of the champion, where it is watched

    @property
    def serving(self) -> bool:
        return self.url is not None

    @property
    def running(self) -> Trial | None:
        return self.trial if self.trial and not self.trial.ended else None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What becomes of each command."""
        annotations = self.seen.deployment.annotations
        former = frozenset(trial.challenger.variant for trial in self.seen.trials)
        return tuple(answers.answers(Subject(annotations, self.champion, self.trial, self.seen.wanted.hash, former)))

    @property
    def champion_pods(self) -> int:
        known = self.seen.variants.get(self.champion or "")
        return known.ready if known else 0

    @property
    def newcomer(self) -> Variant | None:
        """The variant whose start is waited for: the challenger's, or the very first one's."""
        waits = self.champion is None or (self.running is not None and self.running.phase is not Phase.STANDBY)
        wanted = self.seen.wanted.hash if waits else None
        return self.seen.variants.get(wanted or "")

    @property
    def unready(self) -> Problem | None:
        """Why the newcomer does not start."""
        newcomer = self.newcomer
        return newcomer.problem if newcomer and not newcomer.ready else None

    @property
    def problem(self) -> Problem | None:
        return self.obstacle or self.unready


def build(report: Report) -> Mapping[str, Any]:
    seen, before = report.seen, report.seen.deployment.status
    conditions = list(_conditions(report))
    parts = {
        "observedGeneration": seen.deployment.generation,
        "phase": _phase(report),
        "message": conditions[0].message,
        "conditions": dump(conditions, before.get("conditions", ()), seen.deployment.generation, seen.now),
        "champion": _champion(report),
        "trial": _trial(report),
        "rejected": _rejected(report),
        "quality": report.quality and report.quality.dump(),
        "commands": [answer.dump() for answer in report.answers] or None,
        "url": report.url,
        "history": [_ended(trial) for trial in seen.trials if trial.ended][-HISTORY:],
    }
    return {key: value for key, value in parts.items() if value is not None}


def refused(known: Mapping[str, Any], seen: Observation, problem: Problem) -> Mapping[str, Any]:
    """The status `known`, with `problem` as the reason why not all of it can be done."""
    deployment = seen.deployment
    before = deployment.status.get("conditions", ())
    stalled = [
        Condition(Type.READY, FALSE, problem.reason, problem.message),
        Condition(Type.STALLED, TRUE, problem.reason, problem.message),
    ]
    replaced = {Type.READY, Type.STALLED, Type.RECONCILING}
    fresh = dump(stalled, before, deployment.generation, seen.now)
    others = [old for old in known.get("conditions", ()) if old["type"] not in replaced]
    return {
        **known,
        "observedGeneration": deployment.generation,
        "phase": known.get("phase", "Deploying"),
        "message": problem.message,
        "conditions": [*fresh, *others],
    }


def _phase(report: Report) -> str:
    if report.running:
        return str(report.running.phase)
    return "Idle" if report.champion and report.serving else "Deploying"


def _champion(report: Report) -> Mapping[str, Any] | None:
    if report.champion is None:
        return None
    before = report.seen.deployment.status.get("champion", {})
    known = report.seen.variants.get(report.champion)
    wanted = report.seen.wanted
    intent = wanted if wanted.hash == report.champion or known is None else known.intent
    since = before.get("since") if before.get("variant") == report.champion else None
    return {**intent.contestant.dump(), "since": since or rfc3339(report.seen.now)}


def _trial(report: Report) -> Mapping[str, Any] | None:
    """The verdict is the one last *written down*, so that soaking does not wake every watcher at every look."""
    trial = report.running
    if trial is None:
        return None
    decision = trial.decisions[-1] if trial.decisions else {}
    told = {
        "name": trial.name,
        "challenger": trial.challenger.variant,
        "version": trial.challenger.version,
        "share": _observed_share(report, trial),
        "wantedShare": look.wanted_share(trial),
        "step": trial.step + 1,
        "steps": len(trial.rules.steps),
        "since": rfc3339(trial.since) if trial.since else None,
        "verdict": decision.get("decision"),
        "reason": decision.get("rule"),
        "message": decision.get("message"),
    }
    return {key: value for key, value in told.items() if value is not None}


def _observed_share(report: Report, trial: Trial) -> int:
    """The greatest share that a router pod carries, in percent."""
    routes = [pod.route for pod in report.seen.router.pods if pod.route]
    shares = [route.share for route in routes if route.challenger == trial.challenger.variant]
    whole = [100 for route in routes if route.champion == trial.challenger.variant]
    return max([0, *shares, *whole])


def _rejected(report: Report) -> Mapping[str, Any] | None:
    trial = report.trial
    if trial is None or not is_rejected(trial, report.seen.wanted.hash):
        return None
    verdict = trial.verdict or {}
    told = {
        "variant": trial.challenger.variant,
        "version": trial.challenger.version,
        "trial": trial.name,
        "reason": verdict.get("rule"),
        "message": verdict.get("message"),
    }
    return {key: value for key, value in told.items() if value is not None}


def _ended(trial: Trial) -> Mapping[str, Any]:
    told = {
        **trial.challenger.dump(),
        "trial": trial.name,
        "outcome": str(trial.phase),
        "message": (trial.verdict or {}).get("message"),
        "at": rfc3339(trial.ended_at) if trial.ended_at else None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _conditions(report: Report) -> Iterator[Condition]:
    """Ready comes first: its message is the status' own."""
    yield _ready(report)
    if report.problem:
        yield Condition(Type.STALLED, TRUE, report.problem.reason, report.problem.message)
    elif not report.serving:
        yield Condition(Type.RECONCILING, TRUE, "Deploying", "the first variant is on its way")
    yield _champion_available(report)
    if report.running and report.running.phase is not Phase.STANDBY:
        yield _challenger_available(report)
    if report.champion:
        yield _traffic_shifted(report)
    if report.running or is_rejected(report.trial, report.seen.wanted.hash):
        yield _trial_passing(report)
    if report.running and report.running.phase not in WON and report.running.eta:
        yield _proof_foreseen(report.running)
    if report.quality:
        yield _quality_kept(report, report.quality)


def _ready(report: Report) -> Condition:
    trial = report.running
    if report.problem:
        serves = f"; champion {report.champion} goes on serving" if report.champion else ""
        return Condition(Type.READY, FALSE, report.problem.reason, report.problem.message + serves)
    if report.champion is None or not report.serving:
        return Condition(Type.READY, FALSE, "Deploying", "waiting for the first variant's pods and the router's")
    if not report.champion_pods:
        return Condition(Type.READY, FALSE, "ChampionUnavailable", _unavailable(report))
    if trial:
        return Condition(
            Type.READY, TRUE, "TrialRuns", f"champion {report.champion} serves; {trial.name} is {trial.phase}"
        )
    if is_rejected(report.trial, report.seen.wanted.hash):
        message = ((report.trial and report.trial.verdict) or {}).get("message", "")
        return Condition(
            Type.READY, TRUE, "ChallengerRejected", f"champion {report.champion} serves; rejected: {message}"
        )
    return Condition(Type.READY, TRUE, "ChampionServes", f"champion {report.champion} serves")


def _unavailable(report: Report) -> str:
    said = f"no pod of champion {report.champion} is ready"
    known = report.seen.variants.get(report.champion or "")
    return f"{said}: {known.problem.message}" if known and known.problem else said


def _champion_available(report: Report) -> Condition:
    if report.champion is None:
        return Condition(Type.CHAMPION_AVAILABLE, FALSE, "NoChampion", "no variant has served yet")
    if not report.champion_pods:
        return Condition(Type.CHAMPION_AVAILABLE, FALSE, "NoPodReady", _unavailable(report))
    said = "; but ".join([f"variant {report.champion} has ready pods", *_shortcomings(report, report.champion)])
    return Condition(Type.CHAMPION_AVAILABLE, TRUE, "PodsReady", said)


def _shortcomings(report: Report, variant: str) -> Iterator[str]:
    """What may leave a variant that serves with too few pods."""
    known = report.seen.variants[variant]
    if known.problem:
        yield f"not all start: {known.problem.message}"
    if known.unscaled and report.seen.now - known.unscaled.since >= BLIND:
        mend = "name metrics in spec.autoscaling.metrics that the cluster serves"
        yield f"its HPA does not scale it: {known.unscaled.message}: {mend}"


def _challenger_available(report: Report) -> Condition:
    newcomer = report.newcomer
    if newcomer and newcomer.ready:
        return Condition(Type.CHALLENGER_AVAILABLE, TRUE, "PodsReady", f"variant {newcomer.intent.hash} has ready pods")
    problem = report.unready or Problem("NoPodReady", "no pod of the challenger is ready")
    return Condition(Type.CHALLENGER_AVAILABLE, FALSE, problem.reason, problem.message)


def _traffic_shifted(report: Report) -> Condition:
    if report.live:
        return Condition(Type.TRAFFIC_SHIFTED, TRUE, "ShareObserved", "every router pod carries the wanted share")
    if report.seen.router.problem:
        problem = report.seen.router.problem
        return Condition(Type.TRAFFIC_SHIFTED, FALSE, problem.reason, problem.message)
    if report.seen.router.silent or not report.seen.router.pods:
        return Condition(Type.TRAFFIC_SHIFTED, UNKNOWN, "RouterSilent", "not every router pod tells what it carries")
    return Condition(Type.TRAFFIC_SHIFTED, FALSE, "ShareNotLive", "a router pod does not carry the wanted share yet")


def _trial_passing(report: Report) -> Condition:
    trial = report.trial
    decision = trial.decisions[-1] if trial and trial.decisions else {}
    reason, message = decision.get("rule", "TrialBegins"), decision.get("message", "the trial has begun")
    if decision.get("decision") == "Reject":
        return Condition(Type.TRIAL_PASSING, FALSE, reason, message)
    open_ended = trial is not None and trial.phase in {Phase.HOLDING, Phase.SUPERSEDING}
    return Condition(Type.TRIAL_PASSING, UNKNOWN if open_ended else TRUE, reason, message)


def _proof_foreseen(trial: Trial) -> Condition:
    """A warning, and no more: the forecast of when the trial began, so that it does not wake watchers at every look."""
    foretold = trial.eta["foretold"]
    if foretold["inTime"]:
        return Condition(Type.PROOF_FORESEEN, TRUE, "WithinTimeout", foretold["message"])
    return Condition(Type.PROOF_FORESEEN, FALSE, "TimeoutTooShort", foretold["message"])


def _quality_kept(report: Report, quality: Quality) -> Condition:
    """What labels have shown stands until they show otherwise, whether they come or not."""
    monitoring, was = report.seen.deployment.monitoring, _before(report, Type.QUALITY_KEPT)
    silent = monitoring is not None and is_silent(quality, monitoring, report.seen.now)
    since = f"; the ledger is silent since {rfc3339(quality.silent_since)}" if silent and quality.silent_since else ""
    if quality.broken:
        named = ", ".join(one.name for one in quality.broken)
        said = f"champion {quality.variant} breaks its bound on {named}: {quality.summary}{since}"
        return Condition(Type.QUALITY_KEPT, FALSE, "QualityIsBroken", said)
    if silent:
        return Condition(Type.QUALITY_KEPT, UNKNOWN, "LedgerIsSilent", f"no labels from the ledger: {quality.silence}")
    if quality.least < (1 if was == TRUE else LEAST):
        said = f"nothing is said before {LEAST} labels of each measure: {quality.summary}"
        return Condition(Type.QUALITY_KEPT, UNKNOWN, "LabelsAreAwaited", said)
    return Condition(Type.QUALITY_KEPT, TRUE, "QualityIsKept", quality.summary)


def _before(report: Report, kind: Type) -> str | None:
    """The status that a condition has had until now."""
    told = report.seen.deployment.status.get("conditions", ())
    return next((each["status"] for each in told if each["type"] == kind), None)

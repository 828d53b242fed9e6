"""What the rules knew when a verdict changed, small enough to be kept with it: from that `replay` judges again.

Only what is not as usual is written. E-values and times are rounded before they are judged, so nothing is lost here.
"""

from typing import Any

from contender.api import Json, TrialRules
from contender.observation import Problem
from contender.rollout.commands import Commands
from contender.rollout.rules import Facts, Finding

COMMANDS = ("promote", "abort", "pause")


def dump(facts: Facts, *, won: bool) -> dict[str, Any]:
    """As `Trial.status.decisions[].facts` has it; `won` says that only what turns a promotion was asked."""
    unusual = {
        "won": won,
        "problem": facts.problem and facts.problem.message,
        "championUnready": not facts.champion_ready,
        "silentRouters": list(facts.silent_routers),
        "shareNotLive": not facts.share_is_live,
        "commands": [name for name in COMMANDS if getattr(facts.commands, name)],
        "trusted": facts.trusted,
        "brokenSplit": facts.broken_split,
        "ledgerSilence": facts.ledger_silence,
        "unevenLabels": facts.uneven_labels,
    }
    shadow = {} if facts.shadowed is None else {"shadowed": facts.shadowed}
    return {
        "step": facts.step,
        "ready": facts.ready,
        "capacity": facts.capacity,
        "soaked": facts.soaked,
        "judged": facts.judged,
        "quiet": facts.quiet,
        "requests": facts.challenger_requests,
        "evalues": [[finding.breach, finding.proof] for finding in facts.findings],
        **{name: value for name, value in unusual.items() if value},
        **shadow,
    }


def parse(raw: Json, rules: TrialRules) -> Facts:
    """The facts again, but for the findings' words."""
    problem = raw.get("problem")
    return Facts(
        rules=rules,
        step=raw["step"],
        problem=Problem("", problem) if problem else None,
        ready=raw["ready"],
        capacity=raw["capacity"],
        champion_ready=not raw.get("championUnready", False),
        silent_routers=tuple(raw.get("silentRouters", ())),
        share_is_live=not raw.get("shareNotLive", False),
        soaked=raw["soaked"],
        judged=raw["judged"],
        shadowed=raw.get("shadowed"),
        quiet=raw["quiet"],
        challenger_requests=raw["requests"],
        findings=_findings(raw, rules),
        commands=Commands(**dict.fromkeys(raw.get("commands", ()), True)),
        trusted=raw.get("trusted", False),
        broken_split=raw.get("brokenSplit"),
        ledger_silence=raw.get("ledgerSilence"),
        uneven_labels=raw.get("unevenLabels"),
    )


def _findings(raw: Json, rules: TrialRules) -> tuple[Finding, ...]:
    measures = zip(raw["evalues"], (*rules.guardrails, *rules.objectives), strict=False)  # a watch has no objectives
    return tuple(
        Finding(
            str(measure.measure),
            breach,
            proof,
            "",
            objective=number >= len(rules.guardrails),
            labelled=measure.labelled,
        )
        for number, ((breach, proof), measure) in enumerate(measures)
    )

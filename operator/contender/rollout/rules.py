"""The whole policy of a trial: RULES, read from top to bottom. The first rule that speaks gives the verdict.

Safety comes first, then patience, then progress. A rule is a pure function of `Facts`; it knows no clock.
Its name is a statement, and becomes the reason in status, events and metrics.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from contender import names
from contender.api import Approval, OnTimeout, TrialRules, seconds
from contender.observation import Problem
from contender.rollout.commands import Commands
from contender.rollout.verdict import Hold, Promote, Reject, Shadow, Shift, Verdict

ON_TIMEOUT: dict[OnTimeout, Callable[[str], Verdict]] = {
    OnTimeout.HOLD: Hold,
    OnTimeout.REJECT: Reject,
    OnTimeout.PROMOTE: Promote,
}

TOLD = 2  # findings in one sentence; the Trial has all
TRAFFIC_PATIENCE = 15.0  # seconds without a request to the challenger before that is worth saying


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says of one guardrail or objective."""

    name: str  # "errors", "latency over 250ms"
    breach: float  # e-value, over the whole trial
    proof: float  # e-value, over the present step; of labels over the whole trial
    summary: str  # the numbers, for people
    objective: bool = False  # never breached
    labelled: bool = False  # labels tell it


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a rule may know."""

    rules: TrialRules
    step: int  # -1 before the first
    problem: Problem | None  # why the challenger's pods do not become ready
    ready: int  # the challenger's pods
    capacity: int  # pods the challenger needs before it may take the next share
    champion_ready: bool
    silent_routers: tuple[str, ...]
    share_is_live: bool
    soaked: float  # seconds for which the present share has been live
    judged: float  # seconds of the trial in which evidence arrived
    shadowed: float | None  # seconds of shadow traffic; None before it began
    quiet: float  # seconds since the challenger's last request at this share, or copy of one
    challenger_requests: int  # in this step
    findings: tuple[Finding, ...]
    commands: Commands
    trusted: bool  # the challenger was champion not long ago
    broken_split: str | None  # how the requests were split, when not as wanted
    ledger_silence: str | None = None  # why the ledger tells nothing
    uneven_labels: str | None = None  # how labels came for one variant more than for the other
    awaited_labels: str = ""  # how many have come, of how many, and when the rest will be here

    @property
    def on_last_step(self) -> bool:
        return self.step == len(self.rules.steps) - 1

    @property
    def breach_bar(self) -> float:
        """Bonferroni over F guardrails: a breach speaks at F / alpha."""
        return sum(not finding.objective for finding in self.findings) / (1 - self.rules.confidence)

    @property
    def proof_bar(self) -> float:
        """Every guardrail and objective must be proved, so that no correction is needed: 1 / alpha."""
        return 1 / (1 - self.rules.confidence)

    @property
    def unproved(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.proof < self.proof_bar)

    @property
    def only_labels_are_missing(self) -> bool:
        """The traffic has told what it can: the rest is with the labels of answers that were given."""
        judged_by_labels = any(finding.labelled for finding in self.findings)
        return self.on_last_step and judged_by_labels and all(finding.labelled for finding in self.unproved)


Rule = Callable[[Facts], Verdict | None]


def abort_is_commanded(facts: Facts) -> Verdict | None:
    return Reject(f"sent back by the annotation {names.ABORT}") if facts.commands.abort else None


def guardrail_is_breached(facts: Facts) -> Verdict | None:
    if facts.broken_split:
        return None
    judged = (finding for finding in facts.findings if not (finding.labelled and facts.uneven_labels))
    broken = [finding for finding in judged if finding.breach >= facts.breach_bar]
    return Reject(_sentence(broken)) if broken else None


def challenger_cannot_start(facts: Facts) -> Verdict | None:
    if facts.problem is None or facts.ready > 0:
        return None
    return Hold(facts.problem.message)


def challenger_is_not_ready(facts: Facts) -> Verdict | None:
    return None if facts.ready > 0 else Hold("waiting for the challenger's first pod")


def trial_is_paused(facts: Facts) -> Verdict | None:
    return Hold(f"paused by the annotation {names.PAUSE}: remove it to go on") if facts.commands.pause else None


def promotion_is_commanded(facts: Facts) -> Verdict | None:
    if not facts.commands.promote:
        return None
    if facts.ready < facts.capacity:
        return Hold(_capacity(facts))
    return Promote(f"promoted by the annotation {names.PROMOTE}; evidence so far: {_sentence(facts.findings)}")


def model_is_trusted(facts: Facts) -> Verdict | None:
    if not facts.trusted or facts.rules.approval is Approval.MANUAL:
        return None
    if facts.ready < facts.capacity:
        return Hold(_capacity(facts))
    return Promote("it was champion not long ago (trial.trustedHistory), so it needs no trial")


def champion_is_not_ready(facts: Facts) -> Verdict | None:
    return None if facts.champion_ready else Hold("no pod of the champion is ready: nothing to compare with")


def router_is_silent(facts: Facts) -> Verdict | None:
    if not facts.silent_routers:
        return None
    return Hold(f"no counters from router pod {', '.join(facts.silent_routers)}: evidence resumes when it answers")


def first_capacity_is_short(facts: Facts) -> Verdict | None:
    return None if facts.step >= 0 or facts.ready >= facts.capacity else Hold(_capacity(facts))


def shadow_comes_first(facts: Facts) -> Verdict | None:
    wanted = facts.rules.shadow
    if wanted is None or facts.step >= 0 or facts.shadowed is not None:
        return None
    return Shadow(
        f"the challenger is ready: it gets a copy of {wanted.percent} % of the requests for {wanted.duration}"
    )


def challenger_is_qualified(facts: Facts) -> Verdict | None:
    if facts.step >= 0 or facts.shadowed is not None:
        return None
    return Shift(0, f"the challenger is ready: it takes {facts.rules.steps[0]} %")


def share_is_not_live(facts: Facts) -> Verdict | None:
    if facts.share_is_live:
        return None
    what = f"share of {facts.rules.steps[facts.step]} %" if facts.step >= 0 else "shadow traffic"
    return Hold(f"waiting for every router pod to carry the {what}")


def split_is_broken(facts: Facts) -> Verdict | None:
    if facts.broken_split is None:
        return None
    mend = f"see what else than the ConfigMap {names.ROUTER}, or the HTTPRoute, decides who is asked, and who edited it"
    said = "the split is broken and no verdict is worth anything"
    return Hold(f"{said}: {facts.broken_split}; {mend}, or end the trial with {names.ABORT}")


def ledger_is_silent(facts: Facts) -> Verdict | None:
    if facts.ledger_silence is None:
        return None
    return Hold(f"no labels from the ledger: {facts.ledger_silence}; evidence resumes when it answers")


def labels_are_uneven(facts: Facts) -> Verdict | None:
    if facts.uneven_labels is None:
        return None
    mend = f"send labels of both variants alike, or end the trial with {names.ABORT}"
    return Hold(
        f"labels come for one variant more than for the other and decide nothing: {facts.uneven_labels}; {mend}"
    )


def no_traffic_arrives(facts: Facts) -> Verdict | None:
    waits_for_a_person = facts.rules.approval is Approval.MANUAL and facts.on_last_step and not facts.unproved
    if facts.quiet < TRAFFIC_PATIENCE or waits_for_a_person or facts.only_labels_are_missing:
        return None
    return Hold(f"no request reached the challenger for {facts.quiet:.0f} s: nothing can be learned without traffic")


def shadow_goes_on(facts: Facts) -> Verdict | None:
    wanted = facts.rules.shadow
    if wanted is None or facts.step >= 0 or facts.shadowed is None or facts.shadowed >= seconds(wanted.duration):
        return None
    said = f"{facts.shadowed:.0f} s of {seconds(wanted.duration):g} s with a copy of {wanted.percent} % of the requests"
    return Hold(f"{said}; {_sentence(facts.findings)}")


def shadow_was_survived(facts: Facts) -> Verdict | None:
    if facts.step >= 0:
        return None
    return Shift(0, f"nothing is breached in the shadow: it takes {facts.rules.steps[0]} %")


def time_is_up(facts: Facts) -> Verdict | None:
    proved = facts.on_last_step and not facts.unproved
    if proved or facts.judged < seconds(facts.rules.timeout):
        return None
    if facts.rules.on_timeout is OnTimeout.PROMOTE and facts.ready < facts.capacity:
        return Hold(_capacity(facts))
    said = f"no proof after {facts.rules.timeout} of evidence (onTimeout: {facts.rules.on_timeout}): "
    return ON_TIMEOUT[facts.rules.on_timeout](said + _sentence(facts.unproved or facts.findings))


def share_is_soaking(facts: Facts) -> Verdict | None:
    soak = seconds(facts.rules.soak)
    if facts.soaked >= soak:
        return None
    return Hold(f"{facts.soaked:.0f} s of {soak:g} s at {facts.rules.steps[facts.step]} %")


def too_few_requests(facts: Facts) -> Verdict | None:
    return None if facts.challenger_requests > 0 else Hold("no request reached the challenger at this share yet")


def next_capacity_is_short(facts: Facts) -> Verdict | None:
    return None if facts.ready >= facts.capacity else Hold(_capacity(facts))


def share_was_survived(facts: Facts) -> Verdict | None:
    if facts.on_last_step:
        return None
    here, there = facts.rules.steps[facts.step], facts.rules.steps[facts.step + 1]
    return Shift(facts.step + 1, f"nothing is breached at {here} %: it takes {there} %")


def approval_is_awaited(facts: Facts) -> Verdict | None:
    if facts.rules.approval is Approval.AUTOMATIC or facts.unproved:
        return None
    mend = f"annotate the ModelDeployment with {names.PROMOTE} or {names.ABORT} = the challenger's variant"
    return Hold(f"everything is proved, and a person decides: {mend}; {_sentence(facts.findings)}")


def every_guardrail_is_proved(facts: Facts) -> Verdict | None:
    return None if facts.unproved else Promote(_sentence(facts.findings))


def labels_are_awaited(facts: Facts) -> Verdict | None:
    if not facts.only_labels_are_missing:
        return None
    return Hold(f"waiting for labels: {facts.awaited_labels}; {_sentence(facts.unproved)}")


def proof_is_open(facts: Facts) -> Verdict | None:
    return Hold(f"not yet proved: {_sentence(facts.unproved)}")


RULES: tuple[Rule, ...] = (
    abort_is_commanded,  # safety ...
    guardrail_is_breached,
    challenger_cannot_start,  # ... patience ...
    challenger_is_not_ready,
    trial_is_paused,
    promotion_is_commanded,
    model_is_trusted,
    champion_is_not_ready,
    router_is_silent,
    first_capacity_is_short,
    shadow_comes_first,  # the first requests, or copies of them
    challenger_is_qualified,
    share_is_not_live,
    split_is_broken,
    ledger_is_silent,
    labels_are_uneven,
    no_traffic_arrives,
    shadow_goes_on,
    shadow_was_survived,
    time_is_up,
    share_is_soaking,
    too_few_requests,
    next_capacity_is_short,
    share_was_survived,  # ... and progress
    approval_is_awaited,
    every_guardrail_is_proved,
    labels_are_awaited,
    proof_is_open,
)
TURNING: tuple[Rule, ...] = (abort_is_commanded, guardrail_is_breached)  # still heard during a promotion and after it


def reason(rule: Rule) -> str:
    """`share_is_soaking` -> `ShareIsSoaking`."""
    return "".join(word.capitalize() for word in rule.__name__.split("_"))


def judge(facts: Facts, rules: tuple[Rule, ...] = RULES) -> Verdict:
    """The first verdict that a rule gives, signed with the rule's name."""
    return next(_spoken(facts, rules))


def turn(facts: Facts) -> Verdict | None:
    """The verdict that turns a promotion, if there is one."""
    return next(_spoken(facts, TURNING), None)


def _spoken(facts: Facts, rules: tuple[Rule, ...]) -> Iterator[Verdict]:
    said = ((rule, rule(facts)) for rule in rules)
    return (replace(verdict, rule=reason(rule)) for rule, verdict in said if verdict is not None)


def _sentence(findings: tuple[Finding, ...] | list[Finding]) -> str:
    told = [f"{finding.name}: {finding.summary}" for finding in findings[:TOLD]]
    return "; ".join([*told, *([f"and {len(findings) - TOLD} more"] if len(findings) > TOLD else [])])


def _capacity(facts: Facts) -> str:
    said = f"{facts.ready} of the {facts.capacity} challenger pods that the next share needs are ready"
    return f"{said}: {facts.problem.message}" if facts.problem else said

"""The policy: each rule alone, their order, and what must hold whatever the facts."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.api import Approval, Guardrail, Measure, OnTimeout, TrialRules
from contender.api import Shadow as Rehearsal
from contender.observation import Problem
from contender.rollout import rules
from contender.rollout.commands import Commands
from contender.rollout.rules import RULES, Facts, Finding, judge, reason
from contender.rollout.verdict import Hold, Promote, Reject, Shadow, Shift

TRIAL = TrialRules(
    shadow=None,
    steps=(5, 25, 50),
    soak="10s",
    guardrails=(Guardrail(Measure.ERRORS, None, 1.25, 0.001),),
    objectives=(),
    negligible={},
    confidence=0.95,
    timeout="1h",
    on_timeout=OnTimeout.HOLD,
    approval=Approval.AUTOMATIC,
    standby="10m",
)
REHEARSED = replace(TRIAL, shadow=Rehearsal(percent=40, duration="5m"))
FINE = Finding("errors", breach=0.1, proof=1000.0, summary="0 % against 0 %")
OPEN = replace(FINE, proof=3.0)
BROKEN = replace(FINE, breach=1e6)
UNLABELLED = Finding("accuracy", breach=0.1, proof=3.0, summary="no label yet", labelled=True)
LABELLED = replace(UNLABELLED, proof=1000.0)
UNEVEN = "at a share of 50 % the challenger has 40 % of the labels (400 of 1,000)"

# On the last step, soaked, proved, with capacity: nothing stands in the way.
READY = Facts(
    rules=TRIAL,
    step=2,
    problem=None,
    ready=2,
    capacity=2,
    champion_ready=True,
    silent_routers=(),
    share_is_live=True,
    soaked=20.0,
    judged=60.0,
    shadowed=None,
    quiet=0.0,
    challenger_requests=1000,
    findings=(FINE,),
    commands=Commands(),
    trusted=False,
    broken_split=None,
)

# What makes each rule speak. Changes of one rule are chosen so that they leave the others' facts alone where they can.
SPEAKS: dict[Callable[..., object], dict[str, object]] = {
    rules.abort_is_commanded: {"commands": Commands(promote=True, abort=True, pause=True)},
    rules.guardrail_is_breached: {"findings": (BROKEN,)},
    rules.challenger_cannot_start: {"problem": Problem("ModelNotFound", "404"), "ready": 0},
    rules.challenger_is_not_ready: {"ready": 0},
    rules.trial_is_paused: {"commands": Commands(promote=True, pause=True)},
    rules.promotion_is_commanded: {"commands": Commands(promote=True)},
    rules.model_is_trusted: {"trusted": True},
    rules.champion_is_not_ready: {"champion_ready": False},
    rules.router_is_silent: {"silent_routers": ("router-a",)},
    rules.first_capacity_is_short: {"step": -1, "capacity": 3},
    rules.shadow_comes_first: {"step": -1, "rules": REHEARSED},
    rules.challenger_is_qualified: {"step": -1},
    rules.share_is_not_live: {"share_is_live": False},
    rules.split_is_broken: {"broken_split": "40 % are sent to the challenger"},
    rules.ledger_is_silent: {"ledger_silence": "it is away"},
    rules.labels_are_uneven: {"uneven_labels": UNEVEN},
    rules.no_traffic_arrives: {"quiet": 20.0},
    rules.shadow_goes_on: {"step": -1, "rules": REHEARSED, "shadowed": 299.0},
    rules.shadow_was_survived: {"step": -1, "rules": REHEARSED, "shadowed": 300.0},
    rules.time_is_up: {"judged": 4000.0, "findings": (OPEN,)},
    rules.share_is_soaking: {"soaked": 1.0},
    rules.too_few_requests: {"challenger_requests": 0},
    rules.next_capacity_is_short: {"capacity": 3},
    rules.share_was_survived: {"step": 1},
    rules.approval_is_awaited: {"rules": replace(TRIAL, approval=Approval.MANUAL)},
    rules.every_guardrail_is_proved: {},
    rules.labels_are_awaited: {"findings": (FINE, UNLABELLED), "awaited_labels": "1,240 of about 9,000, ETA 3 h"},
    rules.proof_is_open: {"findings": (OPEN,)},
}


@pytest.mark.parametrize("rule", RULES, ids=reason)
def test_each_rule_speaks_when_its_case_is_there(rule: rules.Rule) -> None:
    verdict = judge(replace(READY, **SPEAKS[rule]))  # type: ignore[arg-type]

    assert verdict.rule == reason(rule)


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(RULES)), ids=reason)
def test_when_two_neighbours_would_speak_the_earlier_one_wins(earlier: rules.Rule, later: rules.Rule) -> None:
    facts = _both(earlier, later)

    assert earlier(facts) is not None
    assert later(facts) is not None
    assert judge(facts).rule == reason(earlier)


def _both(earlier: rules.Rule, later: rules.Rule) -> Facts:
    """Facts in which both would speak. Where one's case shuts out the other's, the case is told by hand."""
    by_hand: dict[tuple[rules.Rule, rules.Rule], dict[str, object]] = {
        (rules.challenger_is_qualified, rules.share_is_not_live): {"step": -1, "share_is_live": False},
        (rules.every_guardrail_is_proved, rules.labels_are_awaited): {"findings": (FINE, LABELLED)},
        (rules.labels_are_awaited, rules.proof_is_open): SPEAKS[rules.labels_are_awaited],
        (rules.no_traffic_arrives, rules.shadow_goes_on): {**SPEAKS[rules.shadow_goes_on], "quiet": 20.0},
    }
    changes = by_hand.get((earlier, later), {**SPEAKS[later], **SPEAKS[earlier]})
    return replace(READY, **changes)  # type: ignore[arg-type]


def test_a_breach_is_said_with_its_numbers() -> None:
    verdict = judge(
        replace(READY, findings=(FINE, replace(BROKEN, name="latency over 250ms", summary="9 % against 1 %")))
    )

    assert verdict == Reject("latency over 250ms: 9 % against 1 %", "GuardrailIsBreached")


def test_two_guardrails_need_twice_the_evidence_for_a_breach() -> None:
    just_enough = replace(FINE, breach=30.0)

    assert isinstance(judge(replace(READY, findings=(just_enough,))), Reject)
    assert not isinstance(judge(replace(READY, findings=(just_enough, FINE))), Reject)


def test_the_steps_are_climbed_one_by_one() -> None:
    assert judge(replace(READY, step=-1)) == Shift(0, "the challenger is ready: it takes 5 %", "ChallengerIsQualified")
    assert judge(replace(READY, step=1)) == Shift(2, "nothing is breached at 25 %: it takes 50 %", "ShareWasSurvived")


def test_the_shadow_comes_before_the_first_share_and_needs_the_pods_for_it() -> None:
    ready = replace(READY, step=-1, rules=REHEARSED)
    said = "the challenger is ready: it gets a copy of 40 % of the requests for 5m"

    assert judge(ready) == Shadow(said, "ShadowComesFirst")
    assert judge(replace(ready, capacity=3)).rule == "FirstCapacityIsShort"


def test_the_first_share_waits_until_there_was_shadow_traffic_for_long_enough() -> None:
    begun = replace(READY, step=-1, rules=REHEARSED, shadowed=0.0)

    assert judge(begun).rule == "ShadowGoesOn"
    assert judge(replace(begun, shadowed=300.0)) == Shift(
        0, "nothing is breached in the shadow: it takes 5 %", "ShadowWasSurvived"
    )


def test_a_breach_in_the_shadow_ends_the_trial() -> None:
    begun = replace(READY, step=-1, rules=REHEARSED, shadowed=300.0)

    assert judge(replace(begun, findings=(BROKEN,))).rule == "GuardrailIsBreached"


@pytest.mark.parametrize("answer", OnTimeout)
def test_the_timeout_is_not_heard_before_the_first_share(answer: OnTimeout) -> None:
    begun = replace(READY, step=-1, judged=4000.0, shadowed=1.0, rules=replace(REHEARSED, on_timeout=answer))

    assert judge(begun).rule == "ShadowGoesOn"


@pytest.mark.parametrize(("answer", "verdict"), [("Hold", Hold), ("Reject", Reject), ("Promote", Promote)])
def test_a_timeout_is_answered_as_the_user_asked(answer: str, verdict: type) -> None:
    facts = replace(READY, judged=4000.0, findings=(OPEN,), rules=replace(TRIAL, on_timeout=OnTimeout(answer)))

    assert isinstance(judge(facts), verdict)
    assert judge(facts).rule == "TimeIsUp"


def test_a_proof_that_arrives_after_the_timeout_still_promotes() -> None:
    assert isinstance(judge(replace(READY, judged=4000.0)), Promote)


def test_a_commanded_promotion_waits_for_the_pods_that_all_traffic_needs() -> None:
    commanded = replace(READY, step=0, findings=(OPEN,), commands=Commands(promote=True))

    assert isinstance(judge(commanded), Promote)
    assert isinstance(judge(replace(commanded, capacity=3)), Hold)


def test_a_commanded_promotion_does_not_hide_a_breach() -> None:
    assert isinstance(judge(replace(READY, findings=(BROKEN,), commands=Commands(promote=True))), Reject)


def test_with_manual_approval_nothing_is_promoted_without_a_person() -> None:
    facts = replace(READY, rules=replace(TRIAL, approval=Approval.MANUAL))

    assert judge(facts).rule == "ApprovalIsAwaited"
    assert isinstance(judge(replace(facts, commands=Commands(promote=True))), Promote)


findings = st.builds(
    Finding,
    st.just("errors"),
    st.floats(0, 1e12),
    st.floats(0, 1e12),
    st.just("numbers"),
    labelled=st.booleans(),
)
facts = st.builds(
    Facts,
    rules=st.sampled_from([TRIAL, REHEARSED]),
    step=st.integers(-1, 2),
    problem=st.none() | st.just(Problem("ModelNotFound", "404")),
    ready=st.integers(0, 4),
    capacity=st.integers(1, 4),
    champion_ready=st.booleans(),
    silent_routers=st.sampled_from([(), ("router-a",)]),
    share_is_live=st.booleans(),
    soaked=st.floats(0, 100),
    judged=st.floats(0, 10_000),
    shadowed=st.none() | st.floats(0, 1000),
    quiet=st.floats(0, 100),
    challenger_requests=st.integers(0, 10_000),
    findings=st.lists(findings, min_size=1, max_size=4).map(tuple),
    commands=st.builds(Commands, promote=st.booleans(), abort=st.booleans(), pause=st.booleans()),
    trusted=st.booleans(),
    broken_split=st.none() | st.just("40 % are sent to the challenger"),
    ledger_silence=st.none() | st.just("it is away"),
    uneven_labels=st.none() | st.just(UNEVEN),
)


@given(facts)
def test_traffic_goes_to_the_challenger_only_when_it_is_ready_and_clean(facts: Facts) -> None:
    verdict = judge(facts)

    if isinstance(verdict, Shadow | Shift | Promote):
        assert facts.ready >= facts.capacity
        judged = [finding for finding in facts.findings if not (finding.labelled and facts.uneven_labels)]
        assert facts.broken_split or all(finding.breach < facts.breach_bar for finding in judged)


@given(facts)
def test_nothing_is_promoted_without_proof_of_everything_at_the_last_share(facts: Facts) -> None:
    if isinstance(judge(facts), Promote) and not (facts.commands.promote or facts.trusted):
        assert facts.on_last_step
        assert not facts.unproved
        assert facts.challenger_requests > 0


@given(facts)
def test_with_a_broken_split_only_a_person_decides(facts: Facts) -> None:
    """Or what needs no comparison: the first share, and a model that is trusted."""
    broken = replace(facts, broken_split="40 % are sent to the challenger")
    verdict = judge(broken)

    if not (facts.commands.promote or facts.commands.abort or facts.trusted or facts.step < 0):
        assert isinstance(verdict, Hold)


def test_a_broken_split_is_told_with_what_to_look_at() -> None:
    verdict = judge(replace(READY, findings=(BROKEN,), broken_split="40 % are sent to the challenger"))

    assert verdict.rule == "SplitIsBroken"
    assert "no verdict is worth anything: 40 % are sent to the challenger; see" in verdict.message


@given(facts)
def test_silence_is_neither_success_nor_failure(facts: Facts) -> None:
    heard = tuple(replace(finding, breach=1.0, labelled=False) for finding in facts.findings)
    unheard = replace(facts, findings=heard, quiet=100.0)
    unheard = replace(unheard, commands=Commands(pause=facts.commands.pause), trusted=False)
    if unheard.step >= 0:
        assert isinstance(judge(unheard), Hold)


@given(facts)
def test_without_labels_nothing_that_they_tell_is_promoted(facts: Facts) -> None:
    unheard = replace(facts, findings=(*facts.findings, UNLABELLED), trusted=False, commands=Commands())

    assert not isinstance(judge(unheard), Promote)


@given(facts)
def test_where_labels_are_uneven_they_reject_nothing(facts: Facts) -> None:
    known = replace(facts, uneven_labels=UNEVEN, findings=(FINE, replace(LABELLED, breach=1e9)), commands=Commands())

    assert not isinstance(judge(known), Reject)


def test_labels_that_are_awaited_are_told_with_their_numbers() -> None:
    verdict = judge(replace(READY, **SPEAKS[rules.labels_are_awaited]))  # type: ignore[arg-type]

    assert verdict.message.startswith("waiting for labels: 1,240 of about 9,000, ETA 3 h; accuracy: no label yet")


def test_a_breach_that_labels_show_is_heard_at_any_share() -> None:
    assert isinstance(judge(replace(READY, step=0, findings=(FINE, replace(LABELLED, breach=1e9)))), Reject)


def test_where_only_labels_are_missing_no_traffic_is_missed() -> None:
    quiet = replace(READY, quiet=1000.0)

    assert judge(replace(quiet, findings=(FINE, UNLABELLED))).rule == "LabelsAreAwaited"
    assert judge(replace(quiet, findings=(OPEN, UNLABELLED))).rule == "NoTrafficArrives"
    assert isinstance(judge(replace(quiet, findings=(FINE, LABELLED))), Promote)


def test_the_timeout_speaks_also_where_labels_are_awaited() -> None:
    late = replace(READY, findings=(FINE, UNLABELLED), judged=4000.0)

    assert judge(late).rule == "TimeIsUp"

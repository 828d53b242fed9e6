"""What the evidence says, in the few numbers that a rule needs and in words for people."""

from contender.rollout.counting import Count
from contender.rollout.evidence import Evidence, MeasureEvidence
from contender.rollout.rules import Finding


def findings(evidence: Evidence, confidence: float) -> tuple[Finding, ...]:
    return tuple(
        Finding(_name(measure), measure.breach(), measure.proof(), _summary(measure, confidence))
        for measure in evidence.measures
    )


def challenger_requests(evidence: Evidence) -> int:
    """Requests to the challenger in the present step, as far as they are evidence of anything."""
    return max((measure.step.challenger.exposures for measure in evidence.measures), default=0)


def _name(measure: MeasureEvidence) -> str:
    over = measure.guardrail.over
    return f"{measure.guardrail.measure} over {over}" if over else str(measure.guardrail.measure)


def _summary(measure: MeasureEvidence, confidence: float) -> str:
    """`8.9 % (31 of 350) against the champion's 0.95 % (10 of 1,050); e-values: breach 4.1e+03, proof 0.02`."""
    needed = measure.needed(confidence)
    bar = 1 / (1 - confidence)
    more = f"; about {needed:,} more challenger requests needed" if needed and measure.proof() < bar else ""
    return (
        f"{_share(measure.trial.challenger)} against the champion's {_share(measure.trial.champion)}"
        f"; e-values: breach {measure.breach():.2g}, proof {measure.proof():.2g}{more}"
    )


def _share(count: Count) -> str:
    rate = count.rate
    return "nothing seen" if rate is None else f"{100 * rate:.2g} % ({count.events:,} of {count.exposures:,})"

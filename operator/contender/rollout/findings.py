"""What the evidence says, in the few numbers that a rule needs and in words for people."""

from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding


def findings(evidence: Evidence, confidence: float) -> tuple[Finding, ...]:
    return tuple(
        Finding(measure.name, measure.breach(), measure.proof(), _summary(measure, confidence), measure.objective)
        for measure in evidence.measures
    )


def _summary(measure: MeasureEvidence, confidence: float) -> str:
    """The counts and intervals, the e-values, and what is still missing to the proof."""
    numbers = f"{measure.summary(confidence)}; e-values: breach {measure.breach():.2g}, proof {measure.proof():.2g}"
    needed = measure.needed(confidence)
    return f"{numbers}; about {needed:,} more challenger requests to the proof" if needed else numbers

"""What the evidence says, in the few numbers that a rule needs and in words for people."""

from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding


def findings(evidence: Evidence, confidence: float) -> tuple[Finding, ...]:
    return tuple(_finding(measure, confidence) for measure in evidence.measures)


def _finding(measure: MeasureEvidence, confidence: float) -> Finding:
    breach, proof = rounded(measure.breach()), rounded(measure.proof())
    return Finding(measure.name, breach, proof, _summary(measure, confidence), measure.objective)


def rounded(evalue: float) -> float:
    """As the Trial keeps it: what was judged can be judged again."""
    return float(f"{evalue:.6g}")


def _summary(measure: MeasureEvidence, confidence: float) -> str:
    """The counts and intervals, the e-values, and what is still missing to the proof."""
    numbers = f"{measure.summary(confidence)}; e-values: breach {measure.breach():.2g}, proof {measure.proof():.2g}"
    needed = measure.needed(confidence)
    return f"{numbers}; about {needed:,} more challenger requests to the proof" if needed else numbers

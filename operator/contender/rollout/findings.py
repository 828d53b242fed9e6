"""What the evidence says, in the few numbers that a rule needs and in words for people."""

from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding
from contender.rollout.wording import duration, number


def findings(evidence: Evidence, confidence: float, rate: float | None = None) -> tuple[Finding, ...]:
    """One for each measure; `rate` is the challenger's requests a second, where it is known."""
    return tuple(_finding(measure, confidence, rate) for measure in evidence.measures)


def sentence(measure: MeasureEvidence, confidence: float, rate: float | None) -> str:
    """The counts and rates, the ratio with its interval, and the proof, or what is missing to it."""
    return f"{measure.summary(confidence)}; {_outcome(measure, confidence, rate)}"


def _finding(measure: MeasureEvidence, confidence: float, rate: float | None) -> Finding:
    breach, proof = rounded(measure.breach()), rounded(measure.proof())
    evalues = f"e-values: breach {breach:.2g}, proof {proof:.2g}"
    return Finding(measure.name, breach, proof, f"{sentence(measure, confidence, rate)}; {evalues}", measure.objective)


def _outcome(measure: MeasureEvidence, confidence: float, rate: float | None) -> str:
    seen = measure.step.challenger.exposures
    if measure.proof() >= 1 / (1 - confidence):
        return f"proved {_bound(measure)} after {seen:,} requests"
    needed = measure.needed(confidence)
    if needed is None:
        return "no proof in sight" if seen else "not yet seen at this share"
    time = f", {duration(needed / rate)} at the present rate" if rate else ""
    return f"about {number(needed)} more challenger requests to the proof{time}"


def _bound(measure: MeasureEvidence) -> str:
    """`no worse than 1.25 or under 0.001`: which of the two it is the mean of both e-values does not say."""
    guardrail, bounds = measure.guardrail, []
    if guardrail.better:
        return f"better than {guardrail.no_worse_than or 1:g}"
    if guardrail.no_worse_than is not None:
        bounds.append(f"no worse than {guardrail.no_worse_than:g}")
    if guardrail.below is not None:
        bounds.append(f"under {guardrail.below:g}")
    return " or ".join(bounds)


def rounded(evalue: float) -> float:
    """As the Trial keeps it: what was judged can be judged again."""
    return float(f"{evalue:.6g}")

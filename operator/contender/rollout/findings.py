"""What the evidence says, in the few numbers that a rule needs and in words for people."""

import math
from collections.abc import Sequence
from itertools import zip_longest

from contender.rollout.evidence import Evidence
from contender.rollout.measure_evidence import MeasureEvidence
from contender.rollout.rules import Finding
from contender.rollout.wording import duration, number

Rates = Sequence[float | None]


def findings(evidence: Evidence, confidence: float, rates: Rates = ()) -> tuple[Finding, ...]:
    """One for each measure; `rates` are the challenger's requests a second, or labels, where they are known."""
    return tuple(_finding(measure, confidence, rate) for measure, rate in zip_longest(evidence.measures, rates))


def awaited(evidence: Evidence, confidence: float, rates: Rates) -> str:
    """`1,240 of about 9,000, ETA 3 h`: the challenger's labels, of the measure that waits longest."""
    both = zip(evidence.measures, rates, strict=True)
    waits = [(measure.needed(confidence), measure, rate) for measure, rate in both if measure.labelled]
    if not waits:
        return ""
    needed, measure, rate = max(waits, key=lambda each: math.inf if each[0] is None else each[0])
    seen = measure.trial.challenger.exposures
    if needed is None:
        return f"{seen:,} so far of the challenger's" if seen else "none of the challenger's has come yet"
    return f"{seen:,} of about {number(seen + needed)}, ETA {duration(needed / rate) if rate else 'unknown'}"


def sentence(measure: MeasureEvidence, confidence: float, rate: float | None) -> str:
    """The counts and rates, the ratio with its interval, and the proof, or what is missing to it."""
    return f"{measure.summary(confidence)}; {_outcome(measure, confidence, rate)}"


def _finding(measure: MeasureEvidence, confidence: float, rate: float | None) -> Finding:
    breach, proof = rounded(measure.breach()), rounded(measure.proof())
    evalues = f"e-values: breach {breach:.2g}, proof {proof:.2g}"
    told = f"{sentence(measure, confidence, rate)}; {evalues}"
    return Finding(measure.name, breach, proof, told, measure.objective, measure.labelled)


def _outcome(measure: MeasureEvidence, confidence: float, rate: float | None) -> str:
    seen, of = measure.step.challenger.exposures, "labels" if measure.labelled else "requests"
    if measure.proof() >= 1 / (1 - confidence):
        return f"proved {_bound(measure)} after {seen:,} {of}"
    needed = measure.needed(confidence)
    if needed is None:
        return "no proof in sight" if seen else "no label yet" if measure.labelled else "not yet seen at this share"
    time = f", {duration(needed / rate)} at the present rate" if rate else ""
    return f"about {number(needed)} more challenger {of} to the proof{time}"


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

"""What one look costs the operator: the real engine, one measure, on this machine."""

import time

from benchmarks.evidence.engine import GUARDRAIL
from contender.rollout.counting import Count
from contender.rollout.measure_evidence import MeasureEvidence

UPDATES, ROUNDS = 2000, 9
CHAMPION, CHALLENGER = Count(1, 250), Count(1, 250)


def update() -> float:
    """Microseconds of the processor for one interval of one measure, its breach and its proof.

    The least of some rounds, as in `timeit`: what the others took beyond it was the machine's doing.
    """
    return 1e6 * min(_round() for _ in range(ROUNDS)) / UPDATES


def _round() -> float:
    measure, began = MeasureEvidence(GUARDRAIL), time.process_time()
    for _ in range(UPDATES):
        measure = measure.absorb(CHAMPION, CHALLENGER)
        measure.breach(), measure.proof()
    return time.process_time() - began

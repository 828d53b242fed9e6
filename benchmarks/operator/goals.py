"""What is to be reached, and whether a run did."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.operator.contestants import ArgoRollouts, Contender
from benchmarks.operator.run import Run, Step
from benchmarks.serving.goals import Goal

MOST = 2000  # ModelDeployments
MEGABYTES = 500
NO_FASTER = 1.1  # what is proportional may look a tenth steeper: the machine has other things to do
STEPS: dict[str, Callable[[Run], Step]] = {"apply": lambda run: run.first, "change": lambda run: run.change}
COSTS: dict[str, Callable[[Step], float]] = {
    "seconds": lambda step: step.seconds,
    "CPU of the operator": lambda step: step.cpu.get(Contender.program, 0.0),
    "API requests": lambda step: sum(step.asked.values()),
}


def of(runs: Sequence[Run]) -> list[Goal]:
    """Of all that was measured; what was not reached is missed."""
    return [_memory(runs), *_growth(_whole(runs, Contender.name)), *_ratios(runs)]


def _whole(runs: Sequence[Run], contestant: str) -> dict[int, Run]:
    """By count, those in which every model got there."""
    return {
        run.models: run
        for run in runs
        if run.contestant == contestant and run.first.done == run.change.done == run.models
    }


def _memory(runs: Sequence[Run]) -> Goal:
    run = _whole(runs, Contender.name).get(MOST)
    value = run.memory.most if run else None
    return Goal(
        f"memory of one operator with {MOST:,}", f"< {MEGABYTES}", value, "MB", bool(value and value < MEGABYTES)
    )


def _growth(runs: dict[int, Run]) -> Iterator[Goal]:
    """Between the two greatest counts: at small ones the pauses of a change outweigh its work."""
    fewer, more = sorted(runs)[-2:] if len(runs) > 1 else (None, None)
    for step, part in STEPS.items():
        for cost, taken in COSTS.items():
            name, goal = f"{step}: {cost} for each model, {more or MOST:,} over {fewer or 'fewer'}", f"<= {NO_FASTER:g}"
            if fewer is None or more is None:
                yield Goal(name, goal, None, "times", met=False)
                continue
            value = taken(part(runs[more])) / more / (taken(part(runs[fewer])) / fewer)
            yield Goal(name, goal, value, "times", value <= NO_FASTER)


def _ratios(runs: Sequence[Run]) -> Iterator[Goal]:
    ours, theirs = _whole(runs, Contender.name), _whole(runs, ArgoRollouts.name)
    for count in dict.fromkeys(run.models for run in runs):
        for step, part in STEPS.items():
            both = count in ours and count in theirs
            value = part(theirs[count]).seconds / part(ours[count]).seconds if both else None
            name = f"{step} of {count:,}: seconds of {ArgoRollouts.name} over {Contender.name}'s"
            yield Goal(name, "> 1", value, "times", bool(value and value > 1))

"""The figures of a run as Markdown, between two marks in docs/performance.md; all else there is written by hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import figures
from benchmarks.operator.contestants import ArgoRollouts, Contender
from benchmarks.operator.results import Results
from benchmarks.operator.run import Run, Step

PAGE = Path(__file__).parents[2] / "docs/performance.md"
MARK = "the operator"
PROGRAMS = {contestant.name: contestant.program for contestant in (Contender, ArgoRollouts)}
CONTROL_PLANE = {"API server": "kube-apiserver", "etcd": "etcd", "controllers": "kube-controller"}


def write(results: Results) -> None:
    """Put a run's figures into the page."""
    figures.write(PAGE, figures_of(results), MARK)


def figures_of(results: Results) -> Iterator[str]:
    """Every table."""
    yield f"Run of {results.began} ({results.minutes:.0f} minutes) on {results.machine}.\n"
    goals = ((goal.name, goal.goal, goal.measured(), "yes" if goal.met else "**no**") for goal in results.goals)
    yield from _table(("goal", "wanted", "measured", "met"), goals)
    yield ""
    memory, effect = "memory, MB: at the end / most / PSS", "change to first effect, s: median / p99"
    head = ("models", "", "apply to all ready, s", "all changed, s", effect, memory)
    yield from _table(head, map(_whole, results.runs))
    yield "\nCPU, in seconds, and requests to the API server, for each model:\n"
    yield from _table(
        ("models", "", "", "its own CPU", *(f"{name}'s CPU" for name in CONTROL_PLANE), "its requests", "most of them"),
        (row for run in results.runs for row in _costs(run)),
    )


def _whole(run: Run) -> tuple[str, ...]:
    memory = f"{run.memory.resident:.0f} / {run.memory.most:.0f} / {run.memory.proportional:.0f}"
    return f"{run.models:,}", run.contestant, _seconds(run.first, run), _seconds(run.change, run), _effect(run), memory


def _seconds(step: Step, run: Run) -> str:
    return f"{step.seconds:.0f}" if step.done == run.models else f"only {step.done:,} after {step.seconds:.0f}"


def _effect(run: Run) -> str:
    median, late = run.effect
    return f"{median:.1f} / {late:.1f}"


def _costs(run: Run) -> Iterator[tuple[str, ...]]:
    for name, step in (("apply", run.first), ("change", run.change)):
        programs = (PROGRAMS[run.contestant], *CONTROL_PLANE.values())
        spent = (f"{step.cpu.get(program, 0.0) / run.models:.3f}" for program in programs)
        most = ", ".join(f"{count / run.models:.1f} {what}" for what, count in list(step.asked.items())[:4])
        yield f"{run.models:,}", run.contestant, name, *spent, f"{sum(step.asked.values()) / run.models:.1f}", most


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'--:|' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)

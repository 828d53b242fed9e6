"""The course of a trial as a picture: the share, each measure's rates with their intervals, and the e-values."""

from datetime import datetime
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contender.api import Trial, moment
from contender.cli.unusable import Unusable
from contender.rollout import evalues
from contender.rollout.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHAMPION, CHALLENGER = "tab:blue", "tab:orange"
SUFFIXES = (".svg", ".png", ".pdf")


def draw(trial: Trial, path: Path) -> None:
    """Raises Unusable when there is nothing to draw, or nothing to draw with."""
    if path.suffix not in SUFFIXES:
        raise Unusable(f"{path} is no picture that can be drawn: name it *{', *'.join(SUFFIXES)}")
    if len(trial.series) < 2:
        raise Unusable(f"{trial.name} has too few points for a picture: look again when it has had traffic")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow to load
    except ModuleNotFoundError as missing:
        raise Unusable("a picture needs matplotlib: pip install 'contender[plot]'") from missing
    evidence = Evidence.of(trial)
    shares = [(number, measure.name) for number, measure in enumerate(evidence.measures) if not measure.timed]
    figure = Figure(figsize=(9, 2 * (2 + len(shares))), layout="constrained")
    axes: list[Any] = list(figure.subplots(2 + len(shares), sharex=True))
    _share(axes[0], trial)
    for place, (number, name) in enumerate(shares, start=1):
        _rates(axes[place], trial, number, name)
    _evalues(axes[-1], trial, [measure.name for measure in evidence.measures])
    _verdicts(axes, trial)
    figure.suptitle(f"{trial.name}: {trial.phase}")
    try:
        figure.savefig(path)
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}; name another file") from error


def _minutes(trial: Trial) -> list[float]:
    return [point["at"] / 60 for point in trial.series]


def _share(axes: "Axes", trial: Trial) -> None:
    axes.step(_minutes(trial), [point["share"] for point in trial.series], where="post", color=CHALLENGER)
    axes.set(ylabel="share, %", ylim=(0, 100))


def _rates(axes: "Axes", trial: Trial, number: int, name: str) -> None:
    """Over the trial until then; the bands hold at all looks together."""
    for first, color, who in ((0, CHAMPION, "champion"), (2, CHALLENGER, "challenger")):
        counts = [point["measures"][number][first : first + 2] for point in trial.series]
        bands = [evalues.interval(min(events, of), of, trial.rules.confidence) for events, of in counts]
        axes.plot(_minutes(trial), [100 * events / of if of else nan for events, of in counts], color=color, label=who)
        axes.fill_between(
            _minutes(trial), [100 * low for low, _ in bands], [100 * high for _, high in bands], color=color, alpha=0.15
        )
    axes.set(ylabel=f"{name}, %", ylim=(0, _top(trial, number)))
    axes.legend(loc="upper right")


def _top(trial: Trial, number: int) -> float:
    """Of the axis, in percent: what is seen at the end, and not how wide a band begins."""
    champion, of, challenger, of_challenger, *_ = trial.series[-1]["measures"][number]
    rates = (champion / max(of, 1), challenger / max(of_challenger, 1))
    return 100 * max(0.002, 3 * float(max(rates)))


def _evalues(axes: "Axes", trial: Trial, names: list[str]) -> None:
    alpha, guardrails = 1 - trial.rules.confidence, len(trial.rules.guardrails)
    for number, name in enumerate(names):
        for column, style, what in ((4, "-", "breach"), (5, "--", "proof")):
            found = [10 ** point["measures"][number][column] for point in trial.series]
            axes.plot(_minutes(trial), found, style, color=f"C{number}", label=f"{name}: {what}")
    axes.axhline(guardrails / alpha, color="tab:red", linewidth=0.8)
    axes.axhline(1 / alpha, color="tab:green", linewidth=0.8, linestyle="--")
    axes.set(yscale="log", ylabel="e-value", xlabel="minutes since the trial began", ylim=(1e-6, 1e6))
    axes.legend(loc="upper left", fontsize="x-small", ncols=2)


def _verdicts(axes: list[Any], trial: Trial) -> None:
    """A line where a verdict moved traffic, and what it was."""
    for decision in trial.decisions:
        if decision["decision"] != "Hold" and trial.started_at:
            at = _since(trial.started_at, decision["at"])
            for each in axes:
                each.axvline(at, color="black", linewidth=0.6)
            axes[0].annotate(decision["rule"], (at, 96), rotation=90, va="top", ha="right", fontsize="x-small")


def _since(start: datetime, at: str) -> float:
    when = moment(at)
    return (when - start).total_seconds() / 60 if when else 0.0

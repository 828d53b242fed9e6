"""Draws a run: `python picture.py serving.json performance.svg`, in an environment that has matplotlib.

Answers per second to one row of JSON over 16 connections, on a logarithmic scale, each model by itself.
"""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "contender", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}

from matplotlib import pyplot as plt  # noqa: E402, the backend is chosen first

OURS, THEIRS = "#2563eb", "#b8bec9"


def draw(results: dict[str, Any], file: Path) -> None:
    """One panel for each model, one bar for each server."""
    models = results["titles"]
    figure, panels = plt.subplots(len(models), 1, figsize=(8, 2.1 * len(models)), sharex=True, layout="constrained")
    for panel, (model, title) in zip(panels, models.items(), strict=True):
        _panel(panel, title, _rates(results, model))
    panels[-1].set_xlabel("answers per second, one server core (logarithmic)")
    figure.savefig(file, metadata={"Date": None})


def _rates(results: dict[str, Any], model: str) -> dict[str, list[float]]:
    place = {"model": model, "case": "1 row, JSON", "connections": 16}
    cells = [measured for measured in results["cells"] if place.items() <= measured["cell"].items()]
    return {measured["cell"]["server"]: [sample["rate"] for sample in measured["samples"]] for measured in cells}


def _panel(panel: Any, title: str, rates: dict[str, list[float]]) -> None:
    middles = [median(of_server) for of_server in rates.values()]
    spread = [
        [middle - min(of_server) for middle, of_server in zip(middles, rates.values(), strict=True)],
        [max(of_server) - middle for middle, of_server in zip(middles, rates.values(), strict=True)],
    ]
    colours = [OURS if server.startswith("Contender") else THEIRS for server in rates]
    bars = panel.barh(list(rates), middles, xerr=spread, color=colours, error_kw={"lw": 0.8})
    panel.bar_label(bars, [f"{middle:,.0f}" for middle in middles], padding=5)
    panel.set(xscale="log", xlim=(50, 500_000), title=title)
    panel.title.set(ha="left", position=(0, 1))
    panel.invert_yaxis()
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))

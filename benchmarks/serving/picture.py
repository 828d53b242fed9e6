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

OURS, THEIRS = "#2563eb", "#6b7280"
LEFT_OUT = "Contender, uncounted"


def draw(results: dict[str, Any], file: Path) -> None:
    """One panel for each model; each server a point, with a line from its least to its most."""
    models = results["titles"]
    figure, panels = plt.subplots(len(models), 1, figsize=(8, 1.9 * len(models)), sharex=True, layout="constrained")
    for panel, (model, title) in zip(panels, models.items(), strict=True):
        _panel(panel, title, _rates(results, model))
    panels[-1].set_xlabel("answers per second, one server core (logarithmic)")
    figure.savefig(file, metadata={"Date": None})


def _rates(results: dict[str, Any], model: str) -> dict[str, list[float]]:
    place = {"model": model, "case": "1 row, JSON", "connections": 16}
    cells = [measured for measured in results["cells"] if place.items() <= measured["cell"].items()]
    shown = [measured for measured in cells if measured["cell"]["server"] != LEFT_OUT]
    return {measured["cell"]["server"]: [sample["rate"] for sample in measured["samples"]] for measured in shown}


def _panel(panel: Any, title: str, rates: dict[str, list[float]]) -> None:
    for server, of_server in rates.items():
        colour = OURS if server.startswith("Contender") else THEIRS
        middle = median(of_server)
        panel.plot([min(of_server), max(of_server)], [server, server], color=colour, linewidth=2)
        panel.plot(middle, server, "o", color=colour, markersize=7)
        panel.annotate(f"{middle:,.0f}", (max(of_server), server), xytext=(9, -3), textcoords="offset points")
    panel.set(xscale="log", xlim=(50, 300_000))
    panel.set_title(title, loc="left")
    panel.margins(y=0.12)
    panel.invert_yaxis()
    panel.grid(axis="x", color="#e5e7eb")
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))

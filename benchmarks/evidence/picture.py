"""Draws a run: `python picture.py evidence.json evidence.svg`, in an environment that has matplotlib.

Left: wrong verdicts on the bound, as one looks on. Right: requests to the verdict, by how bad the challenger is.
"""

import json
import re
import sys
from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "contender", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}

from matplotlib import pyplot as plt  # noqa: E402, the backend is chosen first

COLOURS = {"Contender": "#2563eb", "z-test at each look": "#dc2626", "z-test once": "#6b7280"}
LOOK = 5 / 60  # minutes
BOUND = 1.25  # times the champion's share
SHOWN = re.compile(r"constant, 0\.4 % / ([\d.]+) %")


def draw(results: dict[str, Any], file: Path) -> None:
    """Two panels."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    _wrong(left, results["matrix"]["curves"])
    _effort(right, results["matrix"]["cells"])
    for panel in (left, right):
        panel.grid(color="#e5e7eb")
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})


def _wrong(panel: Any, curves: list[dict[str, Any]]) -> None:
    for curve in curves:
        minutes = [look * LOOK for look in curve["looks"]]
        panel.plot(
            minutes, [100 * part for part in curve["decided"]], color=COLOURS[curve["judge"]], label=curve["judge"]
        )
    panel.axhline(10, color="#9ca3af", linestyle=":", label="promised: 5 % each way")
    panel.set(xlabel="minutes of looking every 5 s", ylabel="decided, % of trials", ylim=(0, 100), xlim=(0, None))
    panel.legend(frameon=False, loc="center right")
    panel.set_title("Exactly on the bound: every verdict is wrong", loc="left")


def _effort(panel: Any, cells: list[dict[str, Any]]) -> None:
    found = {float(shown[1]) / 0.4: cell["figures"] for cell in cells if (shown := SHOWN.fullmatch(cell["name"]))}
    for judge in ("Contender", "z-test once"):
        points = [(times, of[judge]["median"] if times != BOUND else nan) for times, of in sorted(found.items())]
        panel.plot(*zip(*points, strict=True), "o-", color=COLOURS[judge], label=judge)
    panel.legend(frameon=False)
    panel.axvline(BOUND, color="#9ca3af", linestyle=":")
    panel.set(xscale="log", yscale="log", xlabel="challenger's share of bad answers, times the champion's")
    panel.set_ylabel("requests to the verdict, median")
    panel.set_xticks([0.8, 1, 1.5, 2, 3, 10], ["0.8", "1", "1.5", "2", "3", "10"])
    panel.minorticks_off()
    panel.set_title("Champion at 0.4 %; tolerated 1.25 times", loc="left")


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))

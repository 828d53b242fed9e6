"""The live picture: redrawn on a terminal; elsewhere a line for each change, and one every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.demo.view import Json, Served, Told

BREATH = 5.0  # seconds between two lines where nothing can be redrawn
COLOURS = {"Promote": "green", "Shift": "cyan", "Hold": "yellow", "Reject": "red"}


class Screen:
    """Shows what is seen, as it is seen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._news: tuple[object, ...] = ()
        self._said_at = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Draw while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with self._live:
            yield

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def show(self, title: str, told: Told, served: list[Served]) -> None:
        if self._console.is_terminal:
            self._live.update(_picture(title, told, served), refresh=True)
        elif self._is_time(told):
            self.say(_line(told, served))

    def _is_time(self, told: Told) -> bool:
        news = (told.status.get("phase"), told.trial.get("share"), told.verdict.get("rule"))
        if news == self._news and time.monotonic() - self._said_at < BREATH:
            return False
        self._news, self._said_at = news, time.monotonic()
        return True


def _picture(title: str, told: Told, served: list[Served]) -> RenderableType:
    parts: list[RenderableType] = [_phase(told), Text(told.status.get("message", ""), style="dim"), _clients(served)]
    if told.newest:
        parts += [_verdict(told.verdict), _evidence(told.newest)]
    return Panel(Group(*parts), title=f"[bold]{title}", title_align="left", padding=(0, 1))


def _phase(told: Told) -> RenderableType:
    trial, champion = told.trial, told.status.get("champion", {}).get("version", "-")
    phase = Text.assemble("phase ", (told.status.get("phase", "-"), "bold"), f"   champion {champion}")
    if not trial:
        return phase
    phase.append(f"   challenger {trial.get('version')}, step {trial.get('step')} of {trial.get('steps')}")
    share = Table.grid(padding=(0, 2))
    share.add_row(
        f"share wanted {trial.get('wantedShare')} %, observed {trial.get('share')} %",
        ProgressBar(total=100, completed=trial.get("share", 0), width=40),
    )
    return Group(phase, share)


def _clients(served: list[Served]) -> RenderableType:
    table = Table(title="what clients get", title_justify="left", expand=True, box=None, header_style="dim")
    for column in ("version", "share", "requests/s", "errors", "p99"):
        table.add_column(column, justify="left" if column == "version" else "right")
    for each in served:
        bad = "red" if each.errors else ""
        cells = (f"{each.share:.1f} %", f"{each.rate:.0f}", f"[{bad}]{each.errors:.1f} %[/]" if bad else "0 %")
        table.add_row(each.version, *cells, f"{1000 * each.p99:.0f} ms")
    return table


def _verdict(verdict: Json) -> RenderableType:
    decision = verdict.get("decision", "-")
    return Text.assemble(
        "\nverdict ",
        (decision, COLOURS.get(decision, "")),
        f" ({verdict.get('rule', '-')}): {verdict.get('message', '')}",
    )


def _evidence(trial: Json) -> RenderableType:
    table = Table(title="evidence", title_justify="left", expand=True, box=None, header_style="dim")
    for column in ("guardrail", "champion", "challenger", "e-value for worse", "e-value for fine"):
        table.add_column(column, justify="left" if column == "guardrail" else "right")
    for measure in trial.get("evidence", {}).get("measures", ()):
        name = " over ".join(filter(None, (measure["measure"], measure.get("over"))))
        counts = [_count(measure.get(side, {})) for side in ("champion", "challenger")]
        table.add_row(name, *counts, f"{measure.get('breach', 1):.3g}", f"{measure.get('proof', 1):.3g}")
    return table


def _count(count: Json) -> str:
    return f"{count.get('events', 0):,} of {count.get('exposures', 0):,}"


def _line(told: Told, served: list[Served]) -> str:
    trial, verdict = told.trial, told.verdict
    phase = told.status.get("phase", "not seen by the operator yet")
    share = f"wanted {trial.get('wantedShare')} %, observed {trial.get('share')} %" if trial else ""
    clients = "; ".join(
        f"{each.version} {each.share:.0f} % {each.rate:.0f}/s errors {each.errors:.1f} % p99 {1000 * each.p99:.0f} ms"
        for each in served
    )
    said = f"{verdict['decision']} ({verdict['rule']}): {verdict.get('message', '')}" if trial and verdict else ""
    return " | ".join(filter(None, (phase, share, clients, said)))

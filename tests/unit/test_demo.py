"""What the demo tells is counted right, with a terminal and without one."""

import io
from typing import Any

from rich.console import Console

from tests.load import Record, Recording
from tools.demo import summary
from tools.demo.screen import Screen
from tools.demo.view import Served, Told, served

VERDICT = {"decision": "Reject", "rule": "GuardrailIsBreached", "message": "errors 16 %", "at": "1970-01-01T00:01:40Z"}
TRIAL = {"spec": {"challenger": {"variant": "cc"}}, "status": {"phase": "Rejected", "verdict": VERDICT}}


def record(sent: float, variant: str | None, status: int | None = 200) -> Record:
    return Record(sent, 0.0, status, "", variant, 1)


def told(phase: str = "Shifting", **trial: Any) -> Told:
    return Told(1, {"phase": phase, "trial": trial}, (TRIAL,), {"aa": "v2", "cc": "v3"})


def lines(*moments: Told) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    screen = Screen(console)
    with screen.on():
        for moment in moments:
            screen.show("an act", moment, [Served("v2", 95.0, 285.0, 0.0, 0.012)])
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_without_a_terminal_a_line_is_printed_when_something_changes_and_only_then() -> None:
    said = lines(told(share=0), told(share=0), told(share=5))

    assert len(said) == 2
    assert "v2 95 % 285/s errors 0.0 % p99 12 ms" in said[0]
    assert "observed 5 %" in said[1]


def test_the_rates_of_each_version_are_those_of_the_window() -> None:
    recording = Recording([record(1.0, "aa"), *[record(7.0, "aa")] * 3, record(8.0, "cc", 500)])

    first, second = served(recording, {"aa": "v2", "cc": "v3"}, now=10.0)

    assert (first.version, first.share, first.rate, first.errors) == ("v2", 75.0, 0.6, 0.0)
    assert (second.version, second.share, second.errors) == ("v3", 25.0, 100.0)


def test_failed_requests_are_told_by_who_failed() -> None:
    answers = Recording([record(1, "aa"), record(1, "cc", 500), record(1, None, None), record(1, "cc", 400)])

    assert summary.failed(answers, told()) == "3: 2 from v3, 1 without an answer"
    assert summary.failed(Recording(), told()) == "0"


def test_the_retreat_lasts_from_the_verdict_to_the_last_request_that_the_challenger_got() -> None:
    answers = Recording([record(90, "cc"), record(101.5, "cc"), record(103, "aa")])

    assert summary.retreat(answers, told()) == "1.5"

import os

import pytest

from tests.e2e.faults.report import Report

# `make test` has no time for the stories: ten minutes. `make test-faults` tells them.
collect_ignore = [] if "ALL_FAULTS" in os.environ else ["test_stories.py"]

REPORT = pytest.StashKey[Report]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[REPORT].lines():
        terminalreporter.write_line(line)


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    return pytestconfig.stash[REPORT]

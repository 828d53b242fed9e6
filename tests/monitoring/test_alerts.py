"""The chart's alerts, by promtool: that they fire when they should, and that they ask for what there is."""

import re
import shutil
from pathlib import Path

import yaml

from contender.conditions import Type
from contender.rollout.rules import RULES, reason
from tests.cluster.process import run
from tests.installation import CHART
from tests.monitoring.exported import exported
from tests.monitoring.expressions import metrics_in
from tests.monitoring.promtool import promtool

RULES_FILE = CHART / "alerts.yaml"
CASES = Path(__file__).with_name("alerts.yaml")
PAGE = (CHART.parents[1] / "docs" / "metrics.md").read_text()
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES_FILE.read_text())["groups"] for rule in group["rules"]}


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    shutil.copy(RULES_FILE, tmp_path / "rules.yaml")
    shutil.copy(CASES, tmp_path / "alerts.yaml")

    assert "SUCCESS" in run([str(promtool()), "test", "rules", "alerts.yaml"], cwd=tmp_path)


def test_every_alert_is_seen_to_fire() -> None:
    fired = re.findall(r'alertname="(\w+)", alertstate="firing"', CASES.read_text())
    expected = [
        test["alertname"]
        for case in yaml.safe_load(CASES.read_text())["tests"]
        for test in case.get("alert_rule_test", ())
        if test.get("exp_alerts")
    ]

    assert {*fired, *expected} == ALERTS.keys()


def test_alerts_ask_only_for_metrics_conditions_and_reasons_that_there_are() -> None:
    for rule in ALERTS.values():
        expression = rule["expr"]
        conditions = re.findall(r'condition="(\w+)"', expression)
        waits = re.findall(r'condition="TrialPassing", reason=~?"([\w|]+)"', expression)
        reasons = [name for names in waits for name in names.split("|")]

        assert metrics_in(expression) <= exported()
        assert set(conditions) <= {str(kind) for kind in Type}
        assert set(reasons) <= {reason(rule) for rule in RULES}


def test_the_page_says_what_to_do_about_every_alert() -> None:
    assert re.findall(r"^\| `(Contender\w+)`", PAGE, re.MULTILINE) == list(ALERTS)

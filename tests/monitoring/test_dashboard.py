"""The Grafana dashboard asks for what there is, and shows all of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.process import run
from tests.installation import CHART
from tests.monitoring.exported import exported, families
from tests.monitoring.expressions import metrics_in
from tests.monitoring.promtool import promtool

DASHBOARD: dict[str, Any] = json.loads((CHART / "dashboards" / "contender.json").read_text())
VARIABLES = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
GRAFANAS_OWN = {"__rate_interval"}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def filled_in(expression: str) -> str:
    """The expression as Grafana sends it."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m"))


def test_every_expression_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": filled_in(each)} for number, each in enumerate(expressions())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"SUCCESS: {len(rules)} rules found" in run([str(promtool()), "check", "rules", "rules.yaml"], cwd=tmp_path)


def test_every_metric_that_is_asked_for_is_exported() -> None:
    asked = set().union(*map(metrics_in, expressions()))

    assert asked <= exported()


def test_every_metric_of_contender_is_shown() -> None:
    asked = set().union(*map(metrics_in, expressions()))
    ours = [family for family in families() if family.name.startswith("contender_")]

    assert [family.name for family in ours if not asked & {sample.name for sample in family.samples}] == []


def test_every_variable_that_is_used_can_be_chosen() -> None:
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))

    assert used == VARIABLES | GRAFANAS_OWN


def test_panels_have_each_a_place_and_a_name_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    for what in ("id", "title"):
        assert len({panel[what] for panel in panels}) == len(panels)


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ('sum by (result) (rate(a_total{x="b and c"}[5m])) > 0', {"a_total"}),
        ("a and on (job) b or vector(0)", {"a", "b"}),
        ("histogram_quantile(0.9, sum by (le) (rate(c_bucket[$__rate_interval])))", {"c_bucket"}),
    ],
)
def test_metrics_are_found_in_an_expression(expression: str, metrics: set[str]) -> None:
    assert metrics_in(expression) == metrics

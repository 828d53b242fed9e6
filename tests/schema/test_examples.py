"""Every example, tried on a real API server as kubectl does it: unknown fields are refused, nothing is stored."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contender.api import Json, ModelDeployment, Trial
from tests.cluster import Cluster, Failed
from tests.schema.examples import INVALID, VALID, refusal
from tools import crds

PARSE: dict[str, Callable[[Json], ModelDeployment | Trial]] = {
    "ModelDeployment": ModelDeployment.parse,
    "Trial": Trial.parse,
}
TRIAL = Path(__file__).parent / "valid" / "trial.yaml"
GATEWAY = Path(__file__).parents[2] / "examples" / "gateway.yaml"


def try_out(cluster: Cluster, schema_namespace: str, path: Path) -> dict[str, Any]:
    """The object as the API server would store it."""
    asked = ("create", "--dry-run=server", "--validate=strict", "--output=json")
    admitted: dict[str, Any] = json.loads(
        cluster.kubectl(*asked, "--namespace", schema_namespace, "--filename", str(path))
    )
    return admitted


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_is_admitted_and_then_read(cluster: Cluster, schema_namespace: str, path: Path) -> None:
    admitted = try_out(cluster, schema_namespace, path)
    admitted["metadata"]["resourceVersion"] = "1"  # a dry run stores nothing

    assert PARSE[admitted["kind"]](admitted).name == admitted["metadata"]["name"]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_with_its_message(cluster: Cluster, schema_namespace: str, path: Path) -> None:
    with pytest.raises(Failed) as refused:
        try_out(cluster, schema_namespace, path)

    missing = [piece for piece in refusal(path) if piece not in str(refused.value)]
    assert not missing, refused.value


def test_a_trial_keeps_the_rules_it_began_with(cluster: Cluster, schema_namespace: str) -> None:
    cluster.kubectl("create", "--namespace", schema_namespace, "--filename", str(TRIAL))

    wider = json.dumps({"spec": {"guardrails": [{"measure": "errors", "noWorseThan": 3}]}})
    with pytest.raises(Failed, match="a trial keeps the rules it began with"):
        cluster.kubectl(
            "patch", "--namespace", schema_namespace, "trial", "churn-1", "--type=merge", f"--patch={wider}"
        )


def test_a_model_deployment_stays_with_the_gateway_that_it_began_with(cluster: Cluster, schema_namespace: str) -> None:
    cluster.kubectl("create", "--namespace", schema_namespace, "--filename", str(GATEWAY))

    with pytest.raises(Failed, match="stays with the router or the Gateway that it began with"):
        cluster.kubectl(
            "patch",
            "--namespace",
            schema_namespace,
            "md",
            "fraud",
            "--type=json",
            '--patch=[{"op":"remove","path":"/spec/traffic/gateway"}]',
        )


def rules() -> Iterator[tuple[str, str]]:
    """Where each rule on new objects speaks, and what it says."""
    for path, part in crds.walk(crds.schema(crds.load()["ModelDeployment"])):
        for rule in part.get("x-kubernetes-validations", ()):
            if "oldSelf" not in rule["rule"]:
                yield path + rule.get("fieldPath", ""), rule["message"]


@pytest.mark.parametrize(("where", "message"), list(rules()))
def test_each_rule_of_the_schema_has_an_invalid_example(where: str, message: str) -> None:
    place = re.escape(where).replace(r"\[\]", r"\[\d+\]").replace(r"\[\*\]", r"\[[^\]]+\]")
    said = re.compile(rf"{place}: .*{re.escape(message)}" if where else re.escape(message))

    assert [path.stem for path in INVALID if said.search(" ".join(refusal(path)))]

"""The chart's values and their schema, as files."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.installation import CHART

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
HELMS_OWN = {"global"}


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema that names its properties."""
    if "properties" in schema:
        yield path, schema
        for name, child in schema["properties"].items():
            yield from objects(child, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from objects(schema["items"], f"{path}[]")


@pytest.mark.parametrize(
    ("path", "schema"), list(objects(SCHEMA)), ids=[path or "values" for path, _ in objects(SCHEMA)]
)
def test_no_object_takes_a_value_that_it_does_not_name(path: str, schema: dict[str, Any]) -> None:
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "path",
    ["", "image", "serving", "router", "ledger", "crds", "serviceMonitor", "alerts", "dashboard", "networkPolicies"],
)
def test_every_value_has_a_default_and_a_sentence(path: str) -> None:
    schema, values = (SCHEMA["properties"][path], VALUES[path]) if path else (SCHEMA, VALUES)
    described = {name: child["description"] for name, child in schema["properties"].items() if name not in HELMS_OWN}

    assert described.keys() == values.keys()
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in described.values())

"""The CRDs in `crds/`, as the generators and the schema's tests read them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "crds"

Schema = Mapping[str, Any]


def paths() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def load() -> dict[str, dict[str, Any]]:
    """Every CRD, by its kind."""
    crds = (yaml.safe_load(path.read_text()) for path in paths())
    return {crd["spec"]["names"]["kind"]: crd for crd in crds}


def schema(crd: Mapping[str, Any]) -> Schema:
    """The schema of a CRD's only version."""
    [version] = crd["spec"]["versions"]
    root: Schema = version["schema"]["openAPIV3Schema"]
    return root


def walk(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """A schema and all below it, each with its path: `spec.trial.steps`, its items `spec.trial.steps[]`, and the values
    of a map `spec.resources.limits[*]`.
    """
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}" if path else name)
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from walk(node["additionalProperties"], f"{path}[*]")

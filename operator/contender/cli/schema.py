"""The CRDs' own defaults, for files that no API server has seen yet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contender.cli.unusable import Unusable

FOLDERS = (Path(__file__).parent / "crds", Path(__file__).parents[3] / "crds")  # in the wheel, in the repository


def of(kind: str) -> Mapping[str, Any]:
    """The schema of a ModelDeployment or a Trial."""
    file = f"contender.dev_{kind.lower()}s.yaml"
    found = next((folder / file for folder in FOLDERS if (folder / file).exists()), None)
    if found is None:
        raise Unusable(f"{file} is not installed: install the package anew, or run from the repository")
    [version] = yaml.safe_load(found.read_text())["spec"]["versions"]
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def defaulted(value: Any, schema: Mapping[str, Any]) -> Any:
    """`value` with every default that the API server would write into it."""
    if isinstance(value, Mapping):
        fields = schema.get("properties", {})
        missing = {name: field["default"] for name, field in fields.items() if name not in value and "default" in field}
        return {name: defaulted(part, fields.get(name, {})) for name, part in {**value, **missing}.items()}
    if isinstance(value, list):
        return [defaulted(item, schema.get("items", {})) for item in value]
    return value

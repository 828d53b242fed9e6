"""Objects from files: as a person wrote them, or as `kubectl get -o yaml` did."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contender.cli.unusable import Unusable

Object = Mapping[str, Any]


def is_file(name: str) -> bool:
    """Whether a file is meant, and not the name of an object in the cluster."""
    return name == "-" or name.endswith((".yaml", ".yml", ".json")) or Path(name).exists()


def read(name: str, kind: str) -> Object:
    """The only object of its kind in a file of one or more documents; `-` is what comes in by a pipe."""
    found = [raw for raw in _documents(name) if isinstance(raw, Mapping) and raw.get("kind") == kind]
    if len(found) != 1:
        mend = f"give a file with one, such as from `kubectl get {kind.lower()} <name> -o yaml`"
        raise Unusable(f"{name} holds {len(found)} objects of kind {kind}: {mend}")
    return found[0]


def _documents(name: str) -> list[Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        documents = list(yaml.safe_load_all(text))
    except OSError as error:
        raise Unusable(f"{name} cannot be read: {error.strerror}; give the path of a file that is there") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Unusable(f"{name} is not YAML: {error}") from error
    return [item for document in documents for item in _items(document)]


def _items(document: Any) -> list[Any]:
    """A List holds others."""
    listed = isinstance(document, Mapping) and document.get("kind", "").endswith("List")
    return list(document.get("items", ())) if listed else [document]

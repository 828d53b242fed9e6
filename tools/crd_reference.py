"""Writes `docs/reference.md` from `crds/`: every field, and all that the API server refuses."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from tools import crds, generated
from tools.crds import Schema

PAGE = generated.ROOT / "docs" / "reference.md"

HEAD = """\
<!-- Generated from crds/ by tools/crd_reference.py: change it there, then `make generate`. -->

# Field reference

Every field of `contender.dev/v1alpha1`, named as in YAML: `steps[]` is each item of a list, `limits[*]` each value of a
map. `spec` has defaults; a field without one may be left out, unless it says required.
`kubectl explain` tells the same for a cluster: `kubectl explain modeldeployment.spec.trial`.
"""
REFUSALS = """\
Beside these: an unknown field (kubectl asks for that check unless told otherwise), a field of another type, a value
that is not among those listed, a list with more items than the table says, a text that is far too long.
"""
TABLE = "| field | type | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    return HEAD + "".join(_kind(kind, crd) for kind, crd in crds.load().items())


def _kind(kind: str, crd: dict[str, Any]) -> str:
    root = crds.schema(crd)
    parts = root["properties"]
    refused = "".join(f"- {where}: {_text(message)}\n" for where, message in _refusals(root))
    return (
        f"\n## {kind}\n\n{_text(root['description'])}\n"
        f"{_table(parts['spec'], 'spec')}"
        f"\n### What the API server refuses\n\n{refused}\n{REFUSALS}"
        f"{_table(parts['status'], 'status')}"
    )


def _table(part: Schema, name: str) -> str:
    return f"\n### `{name}`\n\n{_text(part['description'])}\n\n{TABLE}{''.join(_rows(part, name))}"


def _rows(node: Schema, path: str) -> Iterator[str]:
    required = {f"{at}.{name}" for at, part in crds.walk(node, path) for name in part.get("required", ())}
    for at, part in crds.walk(node, path):
        if "description" in part and at != path:
            default = "required" if at in required else _default(part)
            yield f"| `{at}` | {_type(part)} | {default} | {_meaning(part)} |\n"


def _default(part: Schema) -> str:
    """An empty object's fields have defaults of their own."""
    default = part.get("default", {})
    return "" if default == {} else f"`{json.dumps(default, ensure_ascii=False)}`"


def _type(part: Schema) -> str:
    if "items" in part:
        return f"list of {_type(part['items'])}, at most {part['maxItems']}"
    if "additionalProperties" in part:
        return f"map to {_type(part['additionalProperties'])}"
    if part.get("x-kubernetes-int-or-string"):
        return "quantity"
    return "time" if part.get("format") == "date-time" else str(part["type"])


def _meaning(part: Schema) -> str:
    values = ", ".join(f"`{value}`" for value in part.get("enum", ()))
    return _text(part["description"] + (f" One of {values}." if values else "")).replace("|", "\\|")


def _refusals(root: Schema) -> Iterator[tuple[str, str]]:
    """Where and why, for each rule of a schema."""
    for path, part in crds.walk(root):
        for rule in part.get("x-kubernetes-validations", ()):
            where = path + rule.get("fieldPath", "")
            yield (f"`{where}`" if where else "the object"), rule["message"]


def _text(prose: str) -> str:
    """Prose for Markdown, in which `<` outside of code would begin a tag."""
    pieces = prose.split("`")
    pieces[::2] = [piece.replace("<", "&lt;") for piece in pieces[::2]]
    return "`".join(pieces)


if __name__ == "__main__":
    sys.exit(generated.main(PAGE, page()))

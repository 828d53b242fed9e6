"""What the documentation names is there, and what the operator may say is documented."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contender.conditions import REASONS, Type
from contender.rollout.rules import RULES, reason
from contender_serving.failures import Reason

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "serving_image" / "README.md"])
GUIDE = (ROOT / "docs" / "modeldeployment.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")
EXAMPLE = re.compile(r"examples/[\w-]+\.yaml")


def of_page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(text: str) -> str:
    """The parts of a page that are set as code: blocks, and words between backticks."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def broken(page: Path) -> Iterator[str]:
    for where, anchor in LINK.findall(page.read_text()):
        linked = (page.parent / where).resolve() if where else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            yield f"{where}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

    assert set(TARGET.findall(code(page.read_text()))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_every_example_that_is_named_exists(page: Path) -> None:
    assert [name for name in EXAMPLE.findall(page.read_text()) if not (ROOT / name).exists()] == []


def test_every_example_is_told_of_in_the_guide() -> None:
    there = {f"examples/{example.name}" for example in (ROOT / "examples").glob("*.yaml")}

    assert there == set(EXAMPLE.findall(GUIDE))


def test_the_guide_says_what_to_do_about_each_rule_in_their_order() -> None:
    told = re.findall(r"^\| `(\w+)` \| (?:Hold|Shadow|Shift|Promote|Reject|as)", GUIDE, re.MULTILINE)

    assert told == [reason(rule) for rule in RULES]


@pytest.mark.parametrize("kind", list(Type))
def test_the_guide_explains_each_condition_with_its_reasons(kind: Type) -> None:
    section = GUIDE.partition(f"**`{kind}`**")[2].partition("\n**`")[0]
    reasons = [name for names in REASONS[kind].values() for name in names if name != "*"]

    assert section
    assert [name for name in reasons if f"`{name}`" not in section] == []


@pytest.mark.parametrize("failure", list(Reason))
def test_the_guide_has_a_mend_for_each_reason_of_a_model_that_does_not_start(failure: Reason) -> None:
    assert f"\n| `{failure}` |" in GUIDE


@pytest.mark.parametrize("module", ["cluster/problems.py", "cluster/client.py", "cluster/writer.py", "reconcile.py"])
def test_the_guide_has_a_mend_for_each_problem_that_the_operator_finds(module: str) -> None:
    source = (ROOT / "operator" / "contender" / module).read_text()
    found = re.findall(r'Problem\(\s*"(\w+)"', source)

    assert found
    assert [name for name in found if f"\n| `{name}` |" not in GUIDE] == []


def test_every_decision_is_in_the_list() -> None:
    listed = (ROOT / "docs" / "README.md").read_text()

    assert [page.name for page in (ROOT / "docs" / "decisions").glob("*.md") if page.name not in listed] == []

"""The cache of the test cluster: keys and atomic publishing."""

from pathlib import Path

import pytest

from tests.cluster import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def a_folder(at: Path, text: str = "one") -> Path:
    (at / "inner").mkdir(parents=True)
    (at / "inner" / "file").write_text(text)
    return at


def test_the_same_contents_elsewhere_have_the_same_key(tmp_path: Path) -> None:
    first, second = a_folder(tmp_path / "a" / "code"), a_folder(tmp_path / "b" / "code")

    assert cache.key(first) == cache.key(second)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda code: (code / "inner" / "file").write_text("two"), id="contents"),
        pytest.param(lambda code: (code / "inner" / "file").rename(code / "inner" / "other"), id="name"),
        pytest.param(lambda code: (code / "inner" / "file").chmod(0o755), id="mode"),
        pytest.param(lambda code: (code / "new").write_text(""), id="new file"),
    ],
)
def test_any_change_of_a_folder_changes_its_key(tmp_path: Path, change: object) -> None:
    code = a_folder(tmp_path / "code")
    before = cache.key(code)
    assert callable(change)
    change(code)

    assert cache.key(code) != before


def test_what_python_caches_is_not_in_the_key(tmp_path: Path) -> None:
    code = a_folder(tmp_path / "code")
    before = cache.key(code)
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "file.pyc").write_text("x")

    assert cache.key(code) == before


def test_parts_do_not_run_into_each_other() -> None:
    assert cache.key("ab", "c") != cache.key("a", "bc")


def test_a_kept_thing_is_made_once_for_each_key() -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder.name)
        (folder / "done").touch()

    first, again, other = (cache.kept("thing", key, make) for key in ("k1", "k1", "k2"))

    assert first == again != other
    assert made == ["thing-k1", "thing-k2"]


def test_an_interrupted_build_is_never_taken_for_a_whole_one() -> None:
    def breaks_off(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    def finishes(folder: Path) -> None:
        (folder / "whole").touch()

    with pytest.raises(KeyboardInterrupt):
        cache.kept("thing", "k", breaks_off)
    made = cache.kept("thing", "k", finishes)

    assert [file.name for file in made.iterdir()] == ["whole"]

"""Which container engine is taken, and how it is set up."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster import engine
from tests.cluster.machine import Machine
from tests.cluster.process import Failed, Unusable

DEBIAN_ROOT = Machine(
    root=True, debian=True, systemd=False, cgroups=1, raises_limits=False, open_files=20_000, processes=96_365
)
ORDINARY_USER = Machine(
    root=False, debian=True, systemd=True, cgroups=2, raises_limits=False, open_files=524_288, processes=60_000
)
ROOT_WITH_EVERYTHING = Machine(
    root=True, debian=False, systemd=True, cgroups=2, raises_limits=True, open_files=1_048_576, processes=60_000
)


class Pretend:
    """Runs nothing: `answering` engines succeed, apt-get makes podman one of them, all else fails."""

    def __init__(self, *answering: str) -> None:
        self.answering = set(answering)
        self.installed: list[str] = []

    def __call__(self, argv: Sequence[str], **_settings: object) -> str:
        if argv[:2] == ["apt-get", "install"]:
            self.installed += [each for each in argv[2:] if not each.startswith("-")]
            self.answering.add("podman")
        elif argv[0] != "apt-get" and argv[0] not in self.answering:
            raise Failed(f"{argv[0]} is not installed")
        return ""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_docker_is_taken_before_podman() -> None:
    assert engine.choose(ORDINARY_USER, Pretend("docker", "podman")).name == "docker"


def test_a_podman_that_answers_is_taken_and_kind_is_told_of_it() -> None:
    chosen = engine.choose(ORDINARY_USER, Pretend("podman"))

    assert (chosen.name, chosen.env) == ("podman", {"KIND_EXPERIMENTAL_PROVIDER": "podman"})


def test_root_on_debian_gets_a_podman_installed() -> None:
    pretend = Pretend()

    assert engine.choose(DEBIAN_ROOT, pretend).is_own_podman
    assert "podman" in pretend.installed
    assert "netavark" in pretend.installed


@pytest.mark.parametrize("machine", [ORDINARY_USER, ROOT_WITH_EVERYTHING])
def test_who_may_not_install_is_told_what_to_do(machine: Machine) -> None:
    with pytest.raises(Unusable, match=r"start Docker or podman, or run this as root on Debian or Ubuntu"):
        engine.choose(machine, Pretend())


def test_limits_that_may_not_be_raised_are_not_asked_for() -> None:
    settings = engine.containers_conf(DEBIAN_ROOT, Path("/cache"))

    assert 'default_ulimits = ["nofile=20000:20000", "nproc=32000:32000"]' in settings
    assert 'runtime = "runc"' in settings
    assert 'cgroup_manager = "cgroupfs"' in settings


def test_a_machine_that_gives_every_right_keeps_the_engines_own_settings() -> None:
    settings = engine.containers_conf(ROOT_WITH_EVERYTHING, Path("/cache"))

    assert "ulimits" not in settings
    assert "runtime" not in settings
    assert "cgroup_manager" not in settings

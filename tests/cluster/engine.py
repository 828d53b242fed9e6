"""The container engine: the Docker or podman that answers, else a podman that we install.

A podman that runs as root keeps what it stores in our cache folder and gets a configuration with just those lines that
this machine needs: its defaults ask for rights that not every machine gives.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import cache, packages
from tests.cluster.machine import Machine
from tests.cluster.process import Failed, Run, Unusable, run

PODMAN_PACKAGES = (
    "podman", "runc", "netavark", "aardvark-dns", "containernetworking-plugins", "iptables", "nftables",
)  # fmt: skip
MOST_PROCESSES = 32_000  # podman is refused more than 32,768, whatever the hard limit says


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers; `env` is what it must be called with."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    run: Run = run

    def __call__(self, *args: str, stdin: str | Path | None = None, timeout: float | None = None) -> str:
        """Standard output of `<engine> args`."""
        return self.run([self.name, *args], env=self.env, stdin=stdin, timeout=timeout)

    @property
    def is_own_podman(self) -> bool:
        """Whether it is a podman with our settings and storage."""
        return "CONTAINERS_CONF" in self.env

    def has(self, image: str) -> bool:
        """Whether the image is here."""
        try:
            self("image", "inspect", image)
        except Failed:
            return False
        return True

    def can_pull(self, reference: str) -> bool:
        """Whether a registry answers for this image; asked in a few seconds, without fetching it."""
        try:
            self("manifest", "inspect", reference, timeout=8)
        except Failed:
            return False
        return True

    def build(self, name: str, dockerfile: Path, context: Path, *more: str) -> None:
        """Build an image; `more` are further options."""
        self("build", "--quiet", *more, "--file", str(dockerfile), "--tag", name, str(context))

    @contextmanager
    def archive(self, *images: str) -> Iterator[Path]:
        """The images in one file, for as long as the block runs."""
        with tempfile.TemporaryDirectory(prefix="contender-") as folder:
            file = Path(folder) / "images.tar"
            several = ["--multi-image-archive"] if self.name == "podman" else []
            self("save", *several, "--output", str(file), *images)
            yield file


def choose(machine: Machine, run: Run = run) -> Engine:
    """The first of Docker, podman, and a podman installed now that answers; Unusable with the mend when none does."""
    engines = (Engine("docker", run=run), Engine("podman", podman_environment(machine), run))
    for engine in engines:
        if _answers(engine):
            return engine
    if not (machine.root and machine.debian):
        raise Unusable("no container engine answers: start Docker or podman, or run this as root on Debian or Ubuntu")
    packages.install(PODMAN_PACKAGES, machine, run)
    podman = engines[-1]
    podman("info")
    return podman


def retire(machine: Machine, run: Run = run) -> None:
    """Take away what clusters left in our podman, and the podman if we installed it; Unusable while one still runs."""
    podman = Engine("podman", podman_environment(machine), run)
    if podman.is_own_podman and _answers(podman):
        if still := podman("ps", "--all", "--format", "{{.Names}}").split():
            raise Unusable(f"{' '.join(still)} of another checkout still runs: `make clean-all` there first")
        if "kind" in podman("network", "ls", "--format", "{{.Name}}").split():
            podman("network", "rm", "kind")
    packages.remove_installed(run)


def _answers(engine: Engine) -> bool:
    try:
        engine("info", timeout=20)
    except Failed:
        return False
    return True


def podman_environment(machine: Machine) -> dict[str, str]:
    """What podman is to be called with: kind's provider, and as root our own storage and settings."""
    if not machine.root:
        return {"KIND_EXPERIMENTAL_PROVIDER": "podman"}
    folder = cache.root() / "podman"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "containers.conf").write_text(containers_conf(machine, folder))
    (folder / "storage.conf").write_text(storage_conf(folder))
    return {
        "KIND_EXPERIMENTAL_PROVIDER": "podman",
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def storage_conf(folder: Path) -> str:
    """podman's storage.conf: images and containers below `folder`."""
    return f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "/run/contender/containers"\n'


def containers_conf(machine: Machine, folder: Path) -> str:
    """podman's containers.conf: the lines that this machine needs, each with its reason."""
    lines = ["[network]", 'network_backend = "netavark"', f'network_config_dir = "{folder}/networks"', "[engine]"]
    if not machine.systemd:
        lines += ["# no systemd to ask for cgroups", 'cgroup_manager = "cgroupfs"']
    if machine.cgroups == 1:
        lines += ["# crun refuses hybrid cgroups", 'runtime = "runc"']
    if not machine.raises_limits:
        files, processes = machine.open_files, min(machine.processes, MOST_PROCESSES)
        limits = f'["nofile={files}:{files}", "nproc={processes}:{processes}"]'
        lines += ["[containers]", "# podman's own are above what may be set here", f"default_ulimits = {limits}"]
    return "\n".join(lines) + "\n"

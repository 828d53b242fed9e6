"""The image of the cluster's one node: kind's own where a registry has it, else built from packages and Go modules."""

import shutil
import tempfile
from pathlib import Path

from tests.cluster import cache, debian, packages, programs
from tests.cluster.engine import Engine
from tests.cluster.machine import this_machine
from tests.cluster.process import run
from tests.cluster.programs import Programs
from tests.cluster.steps import step

FILES = Path(__file__).parent / "node"
RELEASE = programs.version("k8s.io/kubernetes")
# v1.36.4: of the release that our kind belongs to, which asks to be named by digest.
PUBLISHED = "kindest/node@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"
BUILT = "localhost/contender-node"

# Debian 12: the systemd of later releases does not start on version 1 of cgroups.
NODE_BASE = debian.Base(
    "node",
    "bookworm",
    (
        "systemd", "systemd-sysv", "dbus", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux",
        "mount", "kmod", "pigz", "ca-certificates", "curl", "jq", "procps", "socat",
        "containerd", "runc", "containernetworking-plugins",
    ),
)  # fmt: skip
PROXY_BASE = debian.Base("proxy", "bookworm", ("nftables", "iptables", "kmod"))

# Any program as an image: a static one needs nothing else.
COMPONENT = """FROM {base}
COPY {program} /usr/local/bin/{program}
ENTRYPOINT ["/usr/local/bin/{program}"]
"""
PAUSE_PACKAGES = ("gcc", "libc6-dev")
SANDBOX_TAG = "3.10"  # of the pause image that containerd's configuration in kind's node files names


def is_built(image: str) -> bool:
    """Whether a node image is one of ours, which brings its own network plugin."""
    return image.startswith(f"{BUILT}:")


def image(engine: Engine, made: Programs) -> str:
    """The name of a node image that the engine has; built when it must be."""
    base = debian.image(NODE_BASE, engine)
    name = f"{BUILT}:{cache.key(FILES, COMPONENT, made.folder.name, base, *PROXY_BASE.packages)}"
    with cache.lock("node-image"):
        if not engine.has(name):
            proxy_base = debian.image(PROXY_BASE, engine)
            with step("build the node image", "1 min"), tempfile.TemporaryDirectory(prefix="contender-") as folder:
                _build(engine, made, name, base, proxy_base, Path(folder))
    return name


def component(engine: Engine, name: str, program: Path, base: str = "scratch") -> None:
    """Build the image `name` that holds one program and runs it."""
    with tempfile.TemporaryDirectory(prefix="contender-") as folder:
        shutil.copy(program, folder)
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_text(COMPONENT.format(base=base, program=program.name))
        engine.build(name, dockerfile, Path(folder))


def _build(engine: Engine, made: Programs, name: str, base: str, proxy_base: str, context: Path) -> None:
    images = _control_plane(engine, made, proxy_base, context)
    shutil.copytree(made.folder / "node-files", context / "node-files")
    shutil.copytree(FILES / "settings", context / "settings")
    shutil.copytree(made.bin, context / "bin", copy_function=_link)
    (context / "version").write_text(RELEASE)
    with engine.archive(*images) as archive:
        _link(str(archive), str(context / "images.tar"))
        # What is mounted into a step, as images.tar is, does not count in an engine's own cache of steps.
        engine.build(name, FILES / "Dockerfile", context, "--no-cache", f"--build-arg=BASE={base}")
    engine("rmi", *images)


def _control_plane(engine: Engine, made: Programs, proxy_base: str, folder: Path) -> list[str]:
    """Build the images that kubeadm asks for; their names."""
    wanted = run([str(made.bin / "kubeadm"), "config", "images", "list", "--kubernetes-version", RELEASE]).split()
    wanted += [f"{image.rpartition(':')[0]}:{SANDBOX_TAG}" for image in wanted if "/pause:" in image]
    for image in wanted:
        program = image.rpartition("/")[2].partition(":")[0]
        path = _pause(made, folder) if program == "pause" else made.bin / program
        component(engine, image, path, proxy_base if program == "kube-proxy" else "scratch")
    return list(dict.fromkeys(wanted))


def _pause(made: Programs, folder: Path) -> Path:
    packages.install(PAUSE_PACKAGES, this_machine())
    program = folder / "pause"
    source = made.folder / "pause" / "pause.c"
    run(["gcc", "-Os", "-static", "-DVERSION=contender", "-o", str(program), str(source)])
    return program


def _link(source: str, target: str) -> None:
    """Into a build context without a copy where the file systems allow it."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy(source, target)

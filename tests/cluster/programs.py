"""Programs made from Go modules: kind, kubectl and Helm for us, and what a node image is made of.

One go.mod names them all with `tool` lines, so that packages they share compile once.
"""

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import cache
from tests.cluster.golang import STRIPPED, Go, go
from tests.cluster.process import Failed
from tests.cluster.steps import step

MODULE = Path(__file__).parent / "go"
CLIENTS = ("k8s.io/kubernetes/cmd/kubectl", "helm.sh/helm/v4/cmd/helm", "sigs.k8s.io/kind")
METRICS_SERVER = "sigs.k8s.io/metrics-server/cmd/metrics-server"
NODE = (
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-scheduler",
    "k8s.io/kubernetes/cmd/kube-proxy",
    "k8s.io/kubernetes/cmd/kubelet",
    "k8s.io/kubernetes/cmd/kubeadm",
    "go.etcd.io/etcd/server/v3",
    "github.com/coredns/coredns",
    METRICS_SERVER,
)
# What we use of the modules besides programs; it stays out of our repository.
SOURCES = {
    "node-files": ("sigs.k8s.io/kind", "images/base/files"),
    "pause": ("k8s.io/kubernetes", "build/pause/linux"),
    "metrics-server-chart": ("sigs.k8s.io/metrics-server", "charts/metrics-server"),
}


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of built programs, and beside it what else was taken from their modules."""

    folder: Path

    @property
    def bin(self) -> Path:
        """The programs themselves."""
        return self.folder / "bin"


def version(module: str) -> str:
    """The version of a module in our go.mod, such as `v1.36.3`."""
    found = re.search(rf"^\s+{re.escape(module)} (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise Failed(f"go.mod does not name {module}")
    return found[1]


def clients() -> Programs:
    """kind, kubectl, Helm and metrics-server: what a published node does not bring."""
    return _built("clients", (*CLIENTS, METRICS_SERVER), "4 min the first time")


def everything() -> Programs:
    """Clients, and all that a node image and metrics-server are made of."""
    return _built("programs", CLIENTS + NODE, "7 min the first time")


def linker_flags() -> str:
    """Strip, and tell Kubernetes its version: without it the kubelet calls itself v0.0.0."""
    release = version("k8s.io/kubernetes")
    major, minor, _ = release.removeprefix("v").split(".")
    said = {"gitVersion": release, "gitMajor": major, "gitMinor": minor}
    return " ".join([STRIPPED, *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in said.items())])


def _built(name: str, packages: tuple[str, ...], usually: str) -> Programs:
    def make(folder: Path) -> None:
        with step(f"compile {name} of Kubernetes {version('k8s.io/kubernetes')} and its tools", usually):
            compiler = go(MODULE)
            compiler("build", "-trimpath", "-ldflags", linker_flags(), "-o", f"{folder / 'bin'}/", *packages)
            for target, (module, inside) in SOURCES.items():
                _copy(compiler, module, inside, folder / target)
        if (server := folder / "bin" / "server").exists():
            server.rename(folder / "bin" / "etcd")  # its package is named for what it is in etcd's own repository

    made_of = cache.key(MODULE / "go.mod", MODULE / "go.sum", linker_flags(), platform.machine(), *packages, *SOURCES)
    return Programs(cache.kept(name, made_of, make))


def _copy(compiler: Go, module: str, inside: str, target: Path) -> None:
    source = Path(compiler("list", "-m", "-f", "{{.Dir}}", module).strip()) / inside
    shutil.copytree(source, target, copy_function=shutil.copyfile)  # not its modes: the module cache is read-only

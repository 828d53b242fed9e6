"""The cluster that both are measured on: played nodes, played routers, both controllers installed and at rest."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.operator.contestants import NAMESPACES, PLAYED, STANDS, ArgoRollouts, Contender, Contestant, Model
from contender import names
from tests.cluster import Cluster, cache, golang, node
from tests.cluster.process import Failed
from tests.cluster.steps import step
from tests.installation import install

HERE = Path(__file__).parent
KWOK, ARGO = "sigs.k8s.io/kwok", "github.com/argoproj/argo-rollouts"
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
MANIFESTS = "/etc/kubernetes/manifests"
# What Kubernetes allows its own controllers by default, 20 requests a second, would be what is measured; and so would
# autoscalers be, which ask for metrics that played pods do not have.
QUICK = ("--kube-api-qps=1000", "--kube-api-burst=2000")
FLAGS = {
    "kube-controller-manager": (*QUICK, "--horizontal-pod-autoscaler-sync-period=2m"),
    "kube-scheduler": QUICK,
}
PROMISED = "500m"  # CPU to the controller that is measured: without, a busy node gives it the least of all
LEARNED = ("--qps=1000", "--burst=2000")  # of Argo Rollouts' own 40 and 80
NODES = 4
PATIENCE = 300.0  # seconds


@contextmanager
def set_up(cluster: Cluster) -> Iterator[None]:
    """All that is measured on, and nothing that is measured yet; the played nodes live as long as the block runs."""
    _hurry(cluster)
    with _played_nodes(cluster):
        _install_argo(cluster)
        _install_contender(cluster)
        yield


def start(cluster: Cluster, contestant: Contestant) -> None:
    """Begin its process anew."""
    _scale(cluster, contestant, 1)


def stop(cluster: Cluster, contestant: Contestant) -> None:
    """End its process."""
    _scale(cluster, contestant, 0)


def _scale(cluster: Cluster, contestant: Contestant, replicas: int) -> None:
    where = ("-n", contestant.namespace)
    cluster.kubectl(*where, "scale", "deployment", "--all", f"--replicas={replicas}")
    cluster.kubectl(*where, "rollout", "status", "deployment", "--timeout=120s")
    if not replicas:
        cluster.kubectl(*where, "wait", "--for=delete", "pods", "--all", "--timeout=120s")


def _hurry(cluster: Cluster) -> None:
    """Raise the limits of Kubernetes' own controllers; the kubelet begins them anew."""
    with step("raise the limits of Kubernetes' own controllers", "20 s"):
        for program, flags in FLAGS.items():
            lines = "".join(rf"\n    - {flag}" for flag in flags)
            file = f"{MANIFESTS}/{program}.yaml"
            if QUICK[0] not in cluster.node("cat", file):
                cluster.node("sed", "-i", rf"s/^    - {program}$/&{lines}/", file)
            _until_it_runs(cluster, f"{program} .*{QUICK[0]}")


def _until_it_runs(cluster: Cluster, pattern: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            cluster.node("pgrep", "-f", pattern)
        except Failed:
            time.sleep(1)
        else:
            return
    raise Failed(f"nothing like {pattern!r} began to run")


@contextmanager
def _played_nodes(cluster: Cluster) -> Iterator[None]:
    """Nodes whose pods are ready as soon as they are there, and gone as soon as they shall be."""
    module = HERE / "kwok"
    program = golang.program("kwok", module, f"{KWOK}/cmd/kwok", "4 min the first time")
    source = Path(golang.go(module)("list", "-m", "-f", "{{.Dir}}", KWOK).strip()) / "kustomize/stage"
    stages = [file for stage in STAGES for file in source.glob(f"{stage}/*-*.yaml")]
    nodes = [_played_node(f"played-{number}") for number in range(NODES)]
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}))
    arguments = [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--manage-nodes-with-label-selector={_equals(PLAYED)}",
        "--node-lease-duration-seconds=40",
        "--cidr=10.64.0.1/10",
        *(f"--config={file}" for file in stages),
    ]
    with (cache.root() / "kwok.log").open("w") as log, subprocess.Popen([program, *arguments], stderr=log) as running:
        try:
            cluster.kubectl("wait", "--for=condition=Ready", "nodes", "-l", _equals(PLAYED), "--timeout=60s")
            # Those of an earlier run were given up when nobody played them any more.
            cluster.kubectl(
                "delete", "pods", "-A", "-l", f"{names.COMPONENT}={names.VARIANT_COMPONENT}", "--wait=false"
            )
            yield
        finally:
            running.terminate()


def _played_node(name: str) -> dict[str, object]:
    taints = [{"key": key, "value": value, "effect": "NoSchedule"} for key, value in PLAYED.items()]
    metadata = {"name": name, "labels": {**PLAYED, "kubernetes.io/hostname": name}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": taints}}


def _install_contender(cluster: Cluster) -> None:
    """With played routers; and a first model in each namespace, so that its routers stand before the clock runs."""
    with step("install Contender, and two routers in each namespace", "2 min"):
        router = _image(cluster, "envoy", golang.program("envoy", HERE / "router", ".", "20 s"), HERE / "router")
        small = {"router__resources__requests__cpu": "1m", "router__resources__requests__memory": "8Mi"}
        # What memory it takes is to be seen.
        roomy = {"resources__limits__memory": "4Gi", "resources__requests__cpu": PROMISED}
        install(cluster, {"envoy": router}, replicas="1", **small, **roomy)
        spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]
        first = [_unlabelled(made) for home in NAMESPACES for _, made in Contender().objects(Model(home, STANDS))]
        wanted = {"apiVersion": "v1", "kind": "List", "items": [*spaces, *first]}
        cluster.kubectl("apply", "-f", "-", input=json.dumps(wanted))
        cluster.kubectl("wait", "--for=condition=Ready", "modeldeployments", "--all", "-A", "--timeout=300s")
        stop(cluster, Contender())


def _unlabelled(manifest: dict[str, object]) -> dict[str, object]:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)  # noqa: S101
    return {**manifest, "metadata": {key: value for key, value in metadata.items() if key != "labels"}}


def _install_argo(cluster: Cluster) -> None:
    """As its own manifest does, but for the image and its limits."""
    with step("install Argo Rollouts", "20 s; 5 min the first time"):
        module = HERE / "argo"
        program = golang.program("rollouts-controller", module, f"{ARGO}/cmd/rollouts-controller", "5 min")
        source = Path(golang.go(module)("list", "-m", "-f", "{{.Dir}}", ARGO).strip())
        manifests = list(yaml.safe_load_all((source / "manifests/install.yaml").read_text()))
        image = _image(cluster, "rollouts-controller", program, module)
        for manifest in manifests:
            if manifest["kind"] == "Deployment":
                manifest["spec"]["replicas"] = 0
                container = manifest["spec"]["template"]["spec"]["containers"][0]
                container |= {"image": image, "imagePullPolicy": "IfNotPresent", "args": list(LEARNED)}
                container["resources"]["requests"] = {"cpu": PROMISED}
                manifest["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 999  # as its own image does
        where = ArgoRollouts.namespace
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": where}}
        wanted = {"apiVersion": "v1", "kind": "List", "items": [space, *manifests]}
        cluster.kubectl("-n", where, "apply", "--server-side", "-f", "-", input=json.dumps(wanted))


def _image(cluster: Cluster, name: str, program: Path, *made_of: Path) -> str:
    engine = cluster.own_engine()
    image = f"localhost/contender-bench-{name}:{cache.key(*made_of)}"
    if not engine.has(image):
        node.component(engine, image, program)
    cluster.load(image)
    return image


def _equals(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())

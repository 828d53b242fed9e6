"""The kind cluster itself: its configuration, and creating, finding and deleting it."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import node
from tests.cluster.engine import Engine
from tests.cluster.machine import Machine
from tests.cluster.process import Failed

NODE_PORTS = range(30080, 30088)
AUDIT_POLICY = Path(__file__).with_name("audit-policy.yaml")
AUDIT_LOG = "/var/log/kubernetes/audit.log"
POLICY_IN_NODE = "/etc/kubernetes/audit-policy.yaml"
Ports = tuple[tuple[int, int], ...]  # (NodePort, port on our loopback)
PATIENCE = 60.0  # seconds for an API server on a busy machine to answer, before its cluster is called dead


def free_ports() -> Ports:
    """Each NodePort that we map, with a port of this machine's loopback that nobody has now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in NODE_PORTS]
        return tuple(zip(NODE_PORTS, (each.getsockname()[1] for each in sockets), strict=True))


def configuration(image: str, machine: Machine, ports: Ports) -> dict[str, Any]:
    """kind's configuration: one node, its ports on the loopback, the audit log, and what this machine asks for."""
    mappings = [{"containerPort": inner, "hostPort": outer, "listenAddress": "127.0.0.1"} for inner, outer in ports]
    mounts = [{"hostPath": str(AUDIT_POLICY), "containerPath": POLICY_IN_NODE, "readOnly": True}]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"disableDefaultCNI": True, "kubeProxyMode": "nftables"} if node.is_built(image) else {},
        # Without CAP_SYS_RESOURCE the kubelet may not set what it would; it then does as in a user namespace.
        "featureGates": {} if machine.raises_limits else {"KubeletInUserNamespace": True},
        "kubeadmConfigPatches": [yaml.safe_dump({"kind": "KubeletConfiguration", "failCgroupV1": False})],
        "kubeadmConfigPatchesJSON6902": [_audited()],
        "nodes": [{"role": "control-plane", "image": image, "extraPortMappings": mappings, "extraMounts": mounts}],
    }


def _audited() -> dict[str, str]:
    arguments = {"audit-policy-file": POLICY_IN_NODE, "audit-log-path": AUDIT_LOG, "audit-log-maxsize": "500"}
    log_folder = str(Path(AUDIT_LOG).parent)
    volumes = [
        _mounted("audit-policy", POLICY_IN_NODE, "File") | {"readOnly": True},
        _mounted("audit-log", log_folder, "DirectoryOrCreate"),
    ]
    patch: list[dict[str, Any]] = [
        {"op": "add", "path": "/apiServer/extraArgs/-", "value": {"name": name, "value": value}}
        for name, value in arguments.items()
    ]
    patch.append({"op": "add", "path": "/apiServer/extraVolumes", "value": volumes})
    # A test cluster need not outlive a power cut.
    etcd = {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}}
    patch.append({"op": "add", "path": "/etcd", "value": etcd})
    return {
        "group": "kubeadm.k8s.io", "version": "v1beta4", "kind": "ClusterConfiguration", "patch": yaml.safe_dump(patch),
    }  # fmt: skip


def _mounted(name: str, path: str, kind_of_path: str) -> dict[str, Any]:
    return {"name": name, "hostPath": path, "mountPath": path, "pathType": kind_of_path}


def node_name(cluster: str) -> str:
    """The container that is the cluster's node."""
    return f"{cluster}-control-plane"


def create(name: str, kubeconfig: Path, config: dict[str, Any], programs: Path, engine: Engine) -> None:
    """Create the cluster and wait until its node is ready."""
    arguments = ["--name", name, "--kubeconfig", str(kubeconfig), "--wait", "180s", "--config", "-"]
    _kind(programs, engine, "create", "cluster", *arguments, stdin=yaml.safe_dump(config))


def delete(name: str, kubeconfig: Path, programs: Path, engine: Engine) -> None:
    """Delete the cluster, alive, dead or absent."""
    _kind(programs, engine, "delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig))


def _kind(programs: Path, engine: Engine, *args: str, stdin: str | None = None) -> None:
    engine.run([str(programs / "kind"), *args], env=engine.env, stdin=stdin)


def is_alive(name: str, kubeconfig: Path, programs: Path, engine: Engine) -> bool:
    """Whether processes run in the node and the API server answers; a busy machine is given a minute for that."""
    kubectl = [str(programs / "kubectl"), "--kubeconfig", str(kubeconfig), "--request-timeout=5s"]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            engine("exec", node_name(name), "true", timeout=PATIENCE)
        except Failed:
            return False
        try:
            engine.run([*kubectl, "get", "--raw", "/readyz"])
        except Failed:
            time.sleep(1)
        else:
            return True
    return False

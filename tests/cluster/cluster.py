"""A cluster that is up, as tests and demo see it: where it is, what is in it, and how to speak to it."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import cache, kind, loading
from tests.cluster.engine import Engine
from tests.cluster.process import Failed, Unusable, run
from tests.cluster.steps import step


def folder(name: str) -> Path:
    """Where we keep what belongs to the cluster of this name."""
    path = cache.root() / "clusters" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def reserved(name: str) -> Iterator[None]:
    """Nobody else has the cluster to themselves while the block runs; Unusable when somebody does already."""
    with (folder(name) / "in-use").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().strip() or "another process"
            raise Unusable(f"{name} is in use by {who}: wait until that ends, or use another checkout") from error
        file.truncate(0)
        file.write(f"process {os.getpid()} ({' '.join(sys.argv)[:80]})")
        file.flush()
        yield


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `ports` are (NodePort, port on our loopback); `bin` holds kubectl, helm and kind."""

    name: str
    kubeconfig: Path
    context: str
    bin: Path
    ports: kind.Ports
    images: Mapping[str, str]  # operator, serving, envoy, store, metrics-server -> name:tag
    engine: Engine | None  # None: a cluster that we were told to use, and did not make

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 (subprocess calls it so)
        """Standard output of kubectl; Failed with its standard error."""
        return self._client("kubectl", "--context", self.context, *args, stdin=input)

    def helm(self, *args: str) -> str:
        """Standard output of helm; Failed with its standard error."""
        return self._client("helm", "--kube-context", self.context, *args)

    def _client(self, program: str, *args: str, stdin: str | None = None) -> str:
        return run([str(self.bin / program), *args], env={"KUBECONFIG": str(self.kubeconfig)}, stdin=stdin)

    def address(self, node_port: int) -> str:
        """`host:port` by which this machine reaches a NodePort."""
        if self.engine is not None:
            return f"127.0.0.1:{dict(self.ports)[node_port]}"
        nodes = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        addresses = nodes[0]["status"]["addresses"]
        return next(f"{each['address']}:{node_port}" for each in addresses if each["type"] == "InternalIP")

    def reserved(self) -> AbstractContextManager[None]:
        """Have the cluster to oneself for a block; Unusable when another suite does."""
        return reserved(self.name)

    def node(self, *command: str) -> str:
        """Standard output of a command in the node's container."""
        return self.own_engine()("exec", kind.node_name(self.name), *command)

    def load(self, image: str) -> None:
        """Put an image of the engine into the node, unless it is there; its tag must say what it is made of."""
        engine, node = self.own_engine(), kind.node_name(self.name)
        if image in loading.images_in(node, engine):
            return
        with step(f"load {image.rpartition('/')[2]}", "10 s, 2 s when only code changed"):
            if engine.name == "podman":
                loading.load_what_is_new(image, node, engine)
            else:
                loading.load_whole(image, self.name, self.bin / "kind", engine)

    def audit_log(self) -> Iterator[dict[str, Any]]:
        """What the API server was asked, oldest first: one audit event for each answer, without bodies."""
        for line in self.node("cat", kind.AUDIT_LOG).splitlines():
            yield json.loads(line)

    def own_engine(self) -> Engine:
        """The engine that the cluster's node runs in; Failed for a cluster that we did not make."""
        if self.engine is None:
            raise Failed(f"{self.name} is not our cluster: its nodes are out of reach")
        return self.engine

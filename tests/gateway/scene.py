"""The stories of the embedded router, told on a Gateway: every ModelDeployment names it, every client calls it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.cluster import Cluster
from tests.e2e.scene import Json, Scene, is_ready, is_staying
from tests.e2e.story import Story
from tests.gateway.envoy_gateway import GATEWAY, GATEWAY_NAMESPACE, NAMESPACE, NODE_PORT, proxies

HOSTNAME = "localhost"  # what this machine calls by itself, so that any client finds the way
REFERENCE = {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE}
TRAFFIC: Json = {"gateway": {"parentRefs": [REFERENCE], "hostnames": [HOSTNAME]}}


def is_wanted() -> bool:
    """Whether the stories are to be told on a Gateway."""
    return os.environ.get("TRAFFIC") == "gateway"


@dataclass
class GatewayScene(Scene):
    """The Gateway's proxies are its router pods."""

    def router_pods(self) -> dict[str, bool]:
        return {pod["metadata"]["name"]: is_ready(pod) for pod in proxies(self.cluster) if is_staying(pod)}

    @property
    def router_namespace(self) -> str:
        return NAMESPACE


@dataclass
class GatewayStory(Story):
    """What is applied names the Gateway, and it is the Gateway that is called."""

    def url(self) -> str:
        port = self.scene.cluster.address(NODE_PORT).rpartition(":")[2]
        return f"http://{HOSTNAME}:{port}/v2/models/{self.scene.name}/infer"


@contextmanager
def told_on_a_gateway(cluster: Cluster, namespace: str) -> Iterator[Story]:
    """A story whose hostname is free again after it."""
    with ExitStack() as stack:
        story = GatewayStory(GatewayScene(cluster, namespace), stack)
        story.spec = {**story.spec, "traffic": TRAFFIC}
        yield story
    story.scene.kubectl("delete", "modeldeployments", "--all", "--wait=false")
    story.scene.kubectl("delete", "httproutes", "--all")
    story.scene.kubectl("wait", "--for=delete", "httproutes", "--all", "--timeout=60s")

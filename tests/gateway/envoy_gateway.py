"""Envoy Gateway from its Go module, where no registry answers: its program, its chart, and a Gateway for all tests."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml

from tests.cluster import Cluster, cache, golang, node
from tests.cluster.steps import step

MODULE = Path(__file__).parent / "go"
PACKAGE = "github.com/envoyproxy/gateway"
NAMESPACE = "envoy-gateway-system"
GATEWAY_NAMESPACE = "gateways"
GATEWAY = "public"
NODE_PORT = 30081
MANIFESTS = Path(__file__).with_name("gateway.yaml")
PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
PROXIES = {
    "gateway.envoyproxy.io/owning-gateway-namespace": GATEWAY_NAMESPACE,
    "gateway.envoyproxy.io/owning-gateway-name": GATEWAY,
}
SELECTOR = ",".join(f"{label}={value}" for label, value in PROXIES.items())


def install(cluster: Cluster) -> None:
    """Install it, and the Gateway of `gateway.yaml`; wait until that has two proxies."""
    with step("install Envoy Gateway and a Gateway", "40 s, 5 s when it is there"), _chart() as chart:
        image, envoy = _image(cluster), cluster.images["envoy"]
        cluster.load(image)
        values = {
            "global.images.envoyGateway.image": image,
            "config.envoyGateway.provider.kubernetes.shutdownManager.image": image,
        }
        settings = [argument for name, value in values.items() for argument in ("--set-string", f"{name}={value}")]
        where = ("--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "3m")
        cluster.helm("upgrade", "--install", "eg", str(chart), *where, *settings)
        cluster.kubectl("apply", "-f", "-", input=Template(MANIFESTS.read_text()).substitute(NODE_PORT=NODE_PORT))
        cluster.kubectl("apply", "-f", "-", input=json.dumps(_proxies_of_the_page(envoy)))
        proxies = ("-n", NAMESPACE, "-l", SELECTOR)
        cluster.kubectl("wait", "--for=create", "--timeout=60s", "deployment", *proxies)
        cluster.kubectl("rollout", "status", "deployment", *proxies, "--timeout=120s")


def proxies(cluster: Cluster) -> list[dict[str, Any]]:
    """The pods that carry the Gateway's traffic."""
    found: list[dict[str, Any]] = json.loads(
        cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", SELECTOR, "-o", "json")
    )["items"]
    return found


def _proxies_of_the_page(image: str) -> dict[str, Any]:
    """The EnvoyProxy that docs/gateway.md shows, of two pods and without a load balancer."""
    (shown,) = re.findall(r"```yaml\n(apiVersion: gateway.envoyproxy.io.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(shown)
    pods = {"replicas": 2, "container": {"image": image}}
    provider = {"envoyDeployment": pods, "envoyService": {"type": "ClusterIP"}}
    found["spec"]["provider"] = {"type": "Kubernetes", "kubernetes": provider}
    return found


def _image(cluster: Cluster) -> str:
    """Envoy's image with Envoy Gateway in it."""
    envoy, engine = cluster.images["envoy"], cluster.own_engine()
    name = f"localhost/contender-envoy-gateway:{cache.key(MODULE, envoy)}"
    with cache.lock("image-envoy-gateway"):
        if not engine.has(name):
            program = golang.program("envoy-gateway", MODULE, f"{PACKAGE}/cmd/envoy-gateway", "4 min the first time")
            node.component(engine, name, program, envoy)
    return name


@contextmanager
def _chart() -> Iterator[Path]:
    """Its chart, with the values that its release would have filled in."""
    source = Path(golang.go(MODULE)("list", "-m", "-f", "{{.Dir}}", PACKAGE).strip()) / "charts" / "gateway-helm"
    with tempfile.TemporaryDirectory(prefix="contender-") as folder:
        chart = Path(shutil.copytree(source, Path(folder) / "chart", copy_function=shutil.copyfile))
        values = (chart / "values.tmpl.yaml").read_text()
        filled = Template(values).safe_substitute(GatewayImage="", GatewayImagePullPolicy="IfNotPresent")
        (chart / "values.yaml").write_text(yaml.safe_dump(yaml.safe_load(filled)))
        yield chart

"""What runs in the cluster besides Contender: metrics-server, so that HPAs act, and a model store."""

from pathlib import Path
from string import Template

from tests.cluster.cluster import Cluster
from tests.cluster.programs import Programs
from tests.cluster.steps import step

STORE = Path(__file__).with_name("store.yaml")
DEPLOYMENTS = (("kube-system", "coredns"), ("kube-system", "metrics-server"), ("store", "store"))
METRICS_SERVER = {
    "args": "{--kubelet-insecure-tls,--metric-resolution=10s,--kubelet-request-timeout=5s}",
    "resources.requests.cpu": "20m",
    "readinessProbe.initialDelaySeconds": "0",
}


def install(cluster: Cluster, made: Programs) -> None:
    """Install both, and wait until they and the cluster's DNS are ready."""
    with step("install metrics-server and the model store", "20 s, 3 s when they are there"):
        _metrics_server(cluster, made)
        store = Template(STORE.read_text()).substitute(IMAGE=cluster.images["store"])
        cluster.kubectl("apply", "-f", "-", input=store)
        for namespace, deployment in DEPLOYMENTS:
            cluster.kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=120s")
        cluster.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=60s")


def _metrics_server(cluster: Cluster, made: Programs) -> None:
    repository, _, tag = cluster.images["metrics-server"].rpartition(":")
    values = METRICS_SERVER | {"image.repository": repository, "image.tag": tag}
    settings = [f"--set={name}={value}" for name, value in values.items()]
    chart = str(made.folder / "metrics-server-chart")
    cluster.helm("upgrade", "--install", "metrics-server", chart, "--namespace", "kube-system", *settings)
    # One replica of DNS is enough for one node, and leaves its share of two cores to models.
    cluster.kubectl("-n", "kube-system", "scale", "deployment/coredns", "--replicas=1")

"""Contender as a user installs it: the chart, with the images that the cluster has."""

from pathlib import Path

from tests.cluster import Cluster

CHART = Path(__file__).parents[1] / "charts" / "contender"
NAMESPACE = "contender-system"
RELEASE = "contender"
OPERATOR_PODS = "app.kubernetes.io/name=contender-operator"


def install(cluster: Cluster) -> None:
    """Install or upgrade the chart and wait until the operator is ready; raises Failed with Helm's own words."""
    repository, _, tag = cluster.images["operator"].rpartition(":")
    values = {
        "image.repository": repository,
        "image.tag": tag,
        "serving.image": cluster.images["serving"],
        "router.image": cluster.images["envoy"],
    }
    settings = [argument for name, value in values.items() for argument in ("--set-string", f"{name}={value}")]
    where = ("--namespace", NAMESPACE, "--create-namespace")
    # Ours by force: the schema's tests apply the CRDs without Helm.
    forced = ("--take-ownership", "--force-conflicts")
    cluster.helm("upgrade", "--install", RELEASE, str(CHART), *where, *settings, *forced, "--wait", "--timeout", "3m")


def uninstall(cluster: Cluster) -> None:
    """Take the chart away, as a user does; its CRDs stay."""
    cluster.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")

"""Contender as a user installs it: the chart, with the images that the cluster has."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import Cluster

CHART = Path(__file__).parents[1] / "charts" / "contender"
NAMESPACE = "contender-system"
RELEASE = "contender"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"  # the operator's
OPERATOR_PODS = "app.kubernetes.io/name=contender-operator"


def install(cluster: Cluster, images: Mapping[str, str] | None = None, **more: str) -> None:
    """Install or upgrade the chart and wait until the operator is ready; raises Failed with Helm's own words.

    With the images that the cluster has, but for those given; `more` are values, with `__` for each dot.
    """
    named = {**cluster.images, **(images or {})}
    repository, _, tag = named["operator"].rpartition(":")
    values = {
        "image.repository": repository,
        "image.tag": tag,
        "serving.image": named["serving"],
        "router.image": named["envoy"],
    }
    settings = [argument for name, value in values.items() for argument in ("--set-string", f"{name}={value}")]
    settings += [
        argument for name, value in more.items() for argument in ("--set", f"{name.replace('__', '.')}={value}")
    ]
    if os.environ.get("TRAFFIC") == "gateway":  # the stories are told on one
        settings += ["--set", "gateway.enabled=true"]
    where = ("--namespace", NAMESPACE, "--create-namespace")
    # Ours by force: the schema's tests apply the CRDs without Helm.
    forced = ("--take-ownership", "--force-conflicts")
    cluster.helm("upgrade", "--install", RELEASE, str(CHART), *where, *settings, *forced, "--wait", "--timeout", "3m")


def asked_since(cluster: Cluster, moment: datetime, *namespaces: str) -> list[dict[str, Any]]:
    """What the operator asked of the API server, by its account; whom it turned away at the door has no name there.

    Without what it asked of other namespaces than these and its own, if there are any: those may be on their way out.
    """
    return [
        event
        for event in cluster.audit_log()
        if event["user"].get("username") == ACCOUNT
        and datetime.fromisoformat(event["requestReceivedTimestamp"]) >= moment
        and (not namespaces or (event.get("objectRef") or {}).get("namespace") in {None, NAMESPACE, *namespaces})
    ]


def roles(cluster: Cluster) -> list[dict[str, Any]]:
    """What the chart grants as it is installed."""
    text = cluster.helm("get", "manifest", RELEASE, "--namespace", NAMESPACE)
    return [
        manifest for manifest in yaml.safe_load_all(text) if manifest and manifest["kind"] in {"Role", "ClusterRole"}
    ]


def uninstall(cluster: Cluster) -> None:
    """Take the chart away, as a user does; its CRDs stay."""
    cluster.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")

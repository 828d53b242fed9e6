"""The router's own objects: one Envoy Deployment for all ModelDeployments of a namespace, its bootstrap, its PDB.

The dynamic ConfigMap is not here: the router's one writer applies it (`envoy.configmap_data`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from contender import names
from contender.manifests.routes.bootstrap import CONFIG_DIRECTORY, STATS_PORT, bootstrap
from contender.manifests.routes.envoy import CONNECTION_AGE

BOOTSTRAP_DIRECTORY = "/bootstrap"
BOOTSTRAP_FILE = "envoy.json"

# Envoy ends at once on SIGTERM, and its image may have no shell to drain it with. So the pod sleeps before SIGTERM, out
# of the endpoints, until every client has been told to connect anew and the last request has had its time.
ENDPOINTS_SETTLE = 5
LAST_REQUEST = 30
DRAIN = ENDPOINTS_SETTLE + CONNECTION_AGE + LAST_REQUEST
LISTENER_DRAIN = 60  # seconds in which a listener that is replaced finishes what it has
WORKERS = 1  # Envoy's threads; one carries far more than the CPU that a router pod asks for

Json = dict[str, Any]


def router_objects(
    namespace: str,
    owners: Sequence[Mapping[str, Any]],
    image: str,
    replicas: int,
    resources: Mapping[str, Any],
) -> list[Json]:
    """Bootstrap ConfigMap, Deployment and PDB, to be applied in this order.

    `owners` are ownerReferences, one for each ModelDeployment of the namespace, none with `controller`: the API server
    allows one controller only. `image` has `envoy` on its PATH.
    """
    text = json.dumps(bootstrap(), indent=1)
    template = _template(text, image, resources)
    return [
        {**_head("v1", "ConfigMap", names.ROUTER_BOOTSTRAP, namespace, owners), "data": {BOOTSTRAP_FILE: text}},
        {**_head("apps/v1", "Deployment", names.ROUTER, namespace, owners), "spec": _deployment(replicas, template)},
        {**_head("policy/v1", "PodDisruptionBudget", names.ROUTER, namespace, owners), "spec": _budget()},
    ]


def _head(api_version: str, kind: str, name: str, namespace: str, owners: Sequence[Mapping[str, Any]]) -> Json:
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": names.router_labels(),
        "ownerReferences": [dict(owner) for owner in owners],
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _deployment(replicas: int, template: Json) -> Json:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": names.router_selector()},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": template,
    }


def _budget() -> Json:
    return {
        "maxUnavailable": 1,
        "selector": {"matchLabels": names.router_selector()},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def _template(text: str, image: str, resources: Mapping[str, Any]) -> Json:
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return {
        "metadata": {"labels": names.router_labels(), "annotations": {names.BOOTSTRAP: digest}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": DRAIN + 5,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": [_spread()],
            "containers": [_container(image, resources)],
            "volumes": [_volume("bootstrap", names.ROUTER_BOOTSTRAP), _volume("config", names.ROUTER)],
        },
    }


def _spread() -> Json:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.router_selector()},
    }


def _volume(name: str, config_map: str) -> Json:
    return {"name": name, "configMap": {"name": config_map}}


def _container(image: str, resources: Mapping[str, Any]) -> Json:
    return {
        "name": "envoy",
        "image": image,
        "command": ["envoy"],
        "args": arguments(f"{BOOTSTRAP_DIRECTORY}/{BOOTSTRAP_FILE}", WORKERS),
        "ports": [{"name": "stats", "containerPort": STATS_PORT}],
        "resources": dict(resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe(period=1, failures=60),
        "readinessProbe": _probe(period=2, failures=3),
        "livenessProbe": _probe(period=10, failures=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN}}},
        "volumeMounts": [
            {"name": "bootstrap", "mountPath": BOOTSTRAP_DIRECTORY, "readOnly": True},
            # whole, never by subPath: the kubelet would not refresh it
            {"name": "config", "mountPath": CONFIG_DIRECTORY, "readOnly": True},
        ],
    }


def arguments(bootstrap_path: str, concurrency: int) -> list[str]:
    """Envoy's command line."""
    return [
        *("--config-path", bootstrap_path),
        *("--concurrency", str(concurrency)),
        *("--drain-time-s", str(LISTENER_DRAIN)),
        "--disable-hot-restart",  # it would write to shared memory
        *("--log-level", "warning"),
    ]


def _probe(period: int, failures: int) -> Json:
    return {
        "httpGet": {"path": "/ready", "port": STATS_PORT},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }

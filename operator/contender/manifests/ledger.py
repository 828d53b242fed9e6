"""The ledger of a namespace: a StatefulSet, which keeps its database on a claim or elsewhere, its Service and its PDB.

Who owns the first three does not own the claim: what people labelled outlives the ModelDeployments it was about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender import names
from contender.manifests.deployment import LOCKED_DOWN, RECEIPTS_DIR, USER, secret_volume

PORT = 8090
SERVICE_PORT = 80
DATA_DIR = "/data"
SECRET_DIR = "/mnt/ledger"  # noqa: S105 (a folder)
CLAIM = "data"
DATABASE_KEY = "url"  # of the database's Secret

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Storage:
    """What a ledger with a database of its own asks a volume for."""

    size: str
    class_name: str  # empty: the cluster's default


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    image: str  # the operator's, which has the ledger too
    replicas: int
    storage: Storage
    database: str  # the Secret that names another database; empty: SQLite on a claim
    retention: int  # seconds that a label may come after its prediction
    resources: Mapping[str, Any]


def ledger_objects(namespace: str, owners: Sequence[Mapping[str, Any]], settings: LedgerSettings) -> list[Json]:
    """StatefulSet, Service and PDB. `owners` are ownerReferences, none with `controller`."""
    head = {
        "name": names.LEDGER,
        "namespace": namespace,
        "labels": names.ledger_labels(),
        "ownerReferences": [dict(owner) for owner in owners],
    }
    return [
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": head, "spec": _stateful_set(settings)},
        {"apiVersion": "v1", "kind": "Service", "metadata": head, "spec": _service()},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": head, "spec": _budget()},
    ]


def _stateful_set(settings: LedgerSettings) -> Json:
    return {
        "replicas": settings.replicas,
        "serviceName": names.LEDGER,
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": names.ledger_selector()},
        "template": {"metadata": {"labels": names.ledger_labels()}, "spec": _pod(settings)},
        **({} if settings.database else {"volumeClaimTemplates": [_claim(settings.storage)]}),
    }


def _claim(storage: Storage) -> Json:
    named = {"storageClassName": storage.class_name} if storage.class_name else {}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage.size}}, **named}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": spec}


def _service() -> Json:
    return {
        "selector": names.ledger_selector(),
        "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT}],
    }


def _budget() -> Json:
    return {
        "maxUnavailable": 1,
        "selector": {"matchLabels": names.ledger_selector()},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def _pod(settings: LedgerSettings) -> Json:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(settings)],
        "volumes": [
            {"name": "receipts", "secret": secret_volume(names.RECEIPT_KEYS, optional=True)},
            {"name": "ledger", "secret": secret_volume(names.LEDGER, optional=False)},
            {"name": "scratch", "emptyDir": {}},
        ],
    }


def _container(settings: LedgerSettings) -> Json:
    data = [] if settings.database else [{"name": CLAIM, "mountPath": DATA_DIR}]
    return {
        "name": "ledger",
        "image": settings.image,
        "command": ["python", "-m", "contender_ledger"],
        "env": _environment(settings),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": dict(settings.resources),
        "securityContext": LOCKED_DOWN,
        "startupProbe": _probe("/healthz", period=1, failures=120),
        "readinessProbe": _probe("/readyz", period=2, failures=3),
        "livenessProbe": _probe("/healthz", period=10, failures=6),
        "volumeMounts": [
            {"name": "receipts", "mountPath": RECEIPTS_DIR, "readOnly": True},
            {"name": "ledger", "mountPath": SECRET_DIR, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 (a mount of its own, in the pod)
            *data,
        ],
    }


def _environment(settings: LedgerSettings) -> list[Json]:
    return [
        {"name": "LEDGER_DATABASE", **_database(settings.database)},
        {"name": "LEDGER_RETENTION", "value": str(settings.retention)},
        {"name": "LEDGER_RECEIPT_KEYS", "value": RECEIPTS_DIR},
        {"name": "LEDGER_SECRET", "value": SECRET_DIR},
        {"name": "LEDGER_PORT", "value": str(PORT)},
    ]


def _database(secret: str) -> Json:
    if secret:
        return {"valueFrom": {"secretKeyRef": {"name": secret, "key": DATABASE_KEY}}}
    return {"value": f"sqlite:///{DATA_DIR}/ledger.db"}


def _probe(path: str, period: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": PORT},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }

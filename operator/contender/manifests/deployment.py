"""The Deployment of a variant: an init container that fetches the model, and the server. docs/serving-contract.md."""

from typing import Any
from urllib.parse import urlsplit

from contender import names
from contender.api import ModelDeployment
from contender.intent import Intent
from contender.manifests.variant import metadata

USER = 65532
MODEL_DIR = "/mnt/models"
CLAIM_DIR = "/mnt/pvc"
SECRET_DIR = "/mnt/secret"  # noqa: S105 (a folder)
RECEIPTS_DIR = "/mnt/receipts"
DRAIN_SECONDS = 8  # the routers' last look at DNS plus a margin: by then no new request comes
GRACE_SECONDS = 60

LOCKED_DOWN = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def deployment(owner: ModelDeployment, intent: Intent) -> dict[str, Any]:
    """`spec.replicas` is left out on purpose: it belongs to the HPA."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, intent),
        "spec": {
            "selector": {"matchLabels": names.variant_selector(owner.name, intent.hash)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": names.variant_labels(owner.name, intent.hash)},
                "spec": _pod(owner, intent),
            },
        },
    }


def _pod(owner: ModelDeployment, intent: Intent) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_fetching(owner, intent),
        "containers": [_server(owner, intent)],
        "volumes": _volumes(intent),
        **owner.scheduling,
    }


def _fetching(owner: ModelDeployment, intent: Intent) -> dict[str, Any]:
    if "uri" not in intent.model:
        return {}
    wanted = {"CONTENDER_MODEL_URI": "uri", "CONTENDER_MODEL_DIGEST": "digest", "CONTENDER_MODEL_FORMAT": "format"}
    env = [{"name": name, "value": intent.model[key]} for name, key in wanted.items() if key in intent.model]
    secret = [{"name": "CONTENDER_SECRET_NAME", "value": name} for name in _secret(intent)]
    container = {
        "name": "fetch",
        "image": intent.serving_image,
        "args": ["fetch"],
        "env": [*env, *secret, *_environment(owner)],
        "resources": dict(owner.resources),
        "securityContext": LOCKED_DOWN,
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_DIR},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 (a mount of its own, in the pod)
            *[{"name": "claim", "mountPath": CLAIM_DIR, "readOnly": True} for _ in _claim(intent)],
            *[{"name": "secret", "mountPath": SECRET_DIR, "readOnly": True} for _ in _secret(intent)],
        ],
    }
    return {"initContainers": [container]}


def _server(owner: ModelDeployment, intent: Intent) -> dict[str, Any]:
    runtime = intent.runtime
    own = {"args": list(runtime.get("args", []))} if "image" in runtime else {"args": ["serve"]}
    env = [*_environment(owner), *_trust(intent), *_sealing(owner, intent), *runtime.get("env", [])]
    return {
        "name": "server",
        "image": intent.image,
        **own,
        "env": env,
        "ports": [{"name": "http", "containerPort": intent.port}],
        "resources": dict(owner.resources),
        "securityContext": LOCKED_DOWN,
        "volumeMounts": [
            {"name": "model", "mountPath": MODEL_DIR, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 (a mount of its own, in the pod)
            *[{"name": "receipts", "mountPath": RECEIPTS_DIR, "readOnly": True} for _ in _receipts(intent)],
        ],
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        **_probes(intent),
    }


def _trust(intent: Intent) -> list[dict[str, Any]]:
    """What the user allows a model to be loaded with. Nothing if nothing is said: what runs already stays as it is."""
    model, allowed = intent.model, {}
    if "versionPolicy" in model:
        allowed["CONTENDER_VERSION_POLICY"] = model["versionPolicy"]
    if model.get("allowPickle"):
        allowed |= {"CONTENDER_ALLOW_PICKLE": "true", "CONTENDER_MODEL_DIGEST": model["digest"]}
    return [{"name": name, "value": value} for name, value in allowed.items()]


def _sealing(owner: ModelDeployment, intent: Intent) -> list[dict[str, Any]]:
    """Whose predictions the receipts tell of."""
    told = {"CONTENDER_DEPLOYMENT": owner.name, "CONTENDER_VARIANT": intent.hash} if intent.receipts else {}
    return [{"name": name, "value": value} for name, value in told.items()]


def _environment(owner: ModelDeployment) -> list[dict[str, Any]]:
    limit = {"resourceFieldRef": {"containerName": "server", "resource": "limits.memory"}}
    return [
        {"name": "CONTENDER_MODEL_NAME", "value": owner.name},
        {"name": "CONTENDER_MODEL_DIR", "value": MODEL_DIR},
        {"name": "CONTENDER_MEMORY_LIMIT", "valueFrom": limit},
    ]


def _probes(intent: Intent) -> dict[str, Any]:
    """Our image tells life and readiness apart; of another server we know a path at most, else that its port opens."""
    if "image" not in intent.runtime:
        ready, live = _get("/v2/health/ready", intent.port), _get("/v2/health/live", intent.port)
    elif "readyPath" in intent.runtime:
        ready, live = _get(intent.runtime["readyPath"], intent.port), {"tcpSocket": {"port": intent.port}}
    else:
        ready = live = {"tcpSocket": {"port": intent.port}}
    starting = {"startupProbe": {**ready, "periodSeconds": 5, "failureThreshold": 360}}  # half an hour to load
    return {
        **(starting if "image" in intent.runtime else {}),
        "readinessProbe": {**ready, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {**live, "initialDelaySeconds": 30, "periodSeconds": 10, "timeoutSeconds": 5},
    }


def _get(path: str, port: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}}


def _volumes(intent: Intent) -> list[dict[str, Any]]:
    """A Secret may be missing: the fetch says so and goes on once it is there; a required one would just hang."""
    claims = [{"claimName": name, "readOnly": True} for name in _claim(intent)]
    secrets = [secret_volume(name, optional=True) for name in _secret(intent)]
    receipts = [secret_volume(name, optional=True) for name in _receipts(intent)]
    return [
        {"name": "model", "emptyDir": {}},
        {"name": "scratch", "emptyDir": {}},
        *[{"name": "claim", "persistentVolumeClaim": claim} for claim in claims],
        *[{"name": "secret", "secret": secret} for secret in secrets],
        *[{"name": "receipts", "secret": secret} for secret in receipts],
    ]


def secret_volume(name: str, *, optional: bool) -> dict[str, Any]:
    """A Secret as a volume that the pod's group may read."""
    return {"secretName": name, **({"optional": True} if optional else {}), "defaultMode": 0o440}


def _claim(intent: Intent) -> list[str]:
    """The claim that `pvc://<claim>/<path>` names; at most one."""
    parts = urlsplit(intent.model.get("uri", ""))
    return [parts.netloc] if parts.scheme == "pvc" else []


def _receipts(intent: Intent) -> list[str]:
    """The Secret with the keys that receipts are sealed with; at most one."""
    return [names.RECEIPT_KEYS] if intent.receipts else []


def _secret(intent: Intent) -> list[str]:
    """The Secret that the model's store asks for; at most one."""
    return [intent.model["secretRef"]["name"]] if "secretRef" in intent.model else []

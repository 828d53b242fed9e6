"""Settings: environment variables only, named in docs/serving-contract.md. Nothing else in the package reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contender_serving.credentials import Secret
from contender_serving.failures import Failure, Reason
from contender_serving.trust import Trust, VersionPolicy

TERMINATION_LOG = "/dev/termination-log"
MODEL_DIR = "/mnt/models"
PVC_ROOT = "/mnt/pvc"
RECEIPT_KEYS = "/mnt/receipts"
SECRET_DIR = "/mnt/secret"  # noqa: S105 (a folder)
PUBLISHED = "bundle"  # the folder below the model volume that holds a bundle once it is whole


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """What the init container is told."""

    uri: str
    digest: str
    format: str | None
    model_dir: Path
    pvc_root: Path
    secret: Secret | None  # what to show to the store
    memory_limit: int | None  # bytes
    termination_log: Path


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What the server is told."""

    bundle: Path
    model_name: str | None  # by default the bundle's own
    digest: str | None
    trust: Trust
    host: str
    port: int
    grpc_port: int | None  # none: no gRPC
    max_body_bytes: int
    receipt_keys: Path  # a folder
    deployment: str | None  # named in receipts; by default the model's name
    variant: str | None  # named in receipts; without it there are none
    max_wait: int  # seconds that a request may expect to wait for the model
    drain_delay: float  # seconds after SIGTERM in which requests are still accepted
    drain_timeout: int  # seconds after that in which those in flight may end
    termination_log: Path


def termination_log(env: Mapping[str, str]) -> Path:
    """The file whose content Kubernetes shows as the container's last message."""
    return Path(env.get("CONTENDER_TERMINATION_LOG", TERMINATION_LOG))


def fetch_settings(env: Mapping[str, str]) -> FetchSettings:
    """Read the init container's settings; raises `Failure` (InvalidSettings) that names the variable."""
    memory_limit = env.get("CONTENDER_MEMORY_LIMIT")
    return FetchSettings(
        uri=_required(env, "CONTENDER_MODEL_URI"),
        digest=_required(env, "CONTENDER_MODEL_DIGEST"),
        format=env.get("CONTENDER_MODEL_FORMAT") or None,
        model_dir=Path(env.get("CONTENDER_MODEL_DIR", MODEL_DIR)),
        pvc_root=Path(env.get("CONTENDER_PVC_ROOT", PVC_ROOT)),
        secret=_secret(env),
        memory_limit=_integer(env, "CONTENDER_MEMORY_LIMIT", 0) if memory_limit else None,
        termination_log=termination_log(env),
    )


def serve_settings(env: Mapping[str, str]) -> ServeSettings:
    """Read the server's settings; raises `Failure` (InvalidSettings) that names the variable."""
    return ServeSettings(
        bundle=Path(env.get("CONTENDER_MODEL_DIR", MODEL_DIR)) / PUBLISHED,
        model_name=env.get("CONTENDER_MODEL_NAME") or None,
        digest=env.get("CONTENDER_MODEL_DIGEST") or None,
        trust=_trust(env),
        host=env.get("CONTENDER_HOST", "0.0.0.0"),  # noqa: S104, a pod is reached from outside
        port=_integer(env, "CONTENDER_PORT", 8080),
        grpc_port=_integer(env, "CONTENDER_GRPC_PORT", 9000) or None,
        max_body_bytes=_integer(env, "CONTENDER_MAX_BODY_BYTES", 16 * 1024 * 1024),
        receipt_keys=Path(env.get("CONTENDER_RECEIPT_KEYS") or RECEIPT_KEYS),
        deployment=env.get("CONTENDER_DEPLOYMENT") or None,
        variant=env.get("CONTENDER_VARIANT") or None,
        max_wait=_integer(env, "CONTENDER_MAX_WAIT", 20),
        drain_delay=_integer(env, "CONTENDER_DRAIN_DELAY", 5),
        drain_timeout=_integer(env, "CONTENDER_DRAIN_TIMEOUT", 30),
        termination_log=termination_log(env),
    )


def _secret(env: Mapping[str, str]) -> Secret | None:
    name, folder = env.get("CONTENDER_SECRET_NAME"), Path(env.get("CONTENDER_SECRET_DIR", SECRET_DIR))
    return Secret(name, folder) if name else None


def _trust(env: Mapping[str, str]) -> Trust:
    allow_pickle = env.get("CONTENDER_ALLOW_PICKLE") or "false"
    if allow_pickle not in ("true", "false"):
        raise Failure(Reason.INVALID_SETTINGS, "CONTENDER_ALLOW_PICKLE must be true or false")
    if allow_pickle == "true":
        _required(env, "CONTENDER_MODEL_DIGEST")  # whose pickle it is must be known
    try:
        policy = VersionPolicy(env.get("CONTENDER_VERSION_POLICY") or VersionPolicy.STRICT)
    except ValueError:
        raise Failure(
            Reason.INVALID_SETTINGS, f"CONTENDER_VERSION_POLICY must be one of {', '.join(VersionPolicy)}"
        ) from None
    return Trust(policy, allow_pickle=allow_pickle == "true")


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise Failure(Reason.INVALID_SETTINGS, f"the environment variable {name} is not set; set it")
    return value


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(env.get(name) or default)
    except ValueError:
        raise Failure(Reason.INVALID_SETTINGS, f"{name} must be a whole number, like {default}") from None

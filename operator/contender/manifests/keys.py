"""The two Secrets that labels need, and what is derived from one of them.

Nobody owns them: a receipt may outlive the ModelDeployment that gave it.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from contender import names

KEY_BYTES = 32
ROOT = "root"  # in the ledger's Secret: what tokens are derived from
EVIDENCE = "evidence"  # the purpose of the operator's token


def receipt_keys(namespace: str, keys: Mapping[int, bytes]) -> dict[str, Any]:
    """The Secret with the keys that receipts are sealed with, by the epoch second from which each is in force."""
    return _secret(namespace, names.RECEIPT_KEYS, {str(since): key for since, key in keys.items()})


def ledger_root(namespace: str, root: bytes) -> dict[str, Any]:
    """The Secret that tokens for the ledger are derived from."""
    return _secret(namespace, names.LEDGER, {ROOT: root})


def labels_of(deployment: str) -> str:
    """The purpose of the token of who may label a ModelDeployment's predictions."""
    return f"labels/{deployment}"


def token(secret: Mapping[str, Any], purpose: str) -> str:
    """What the ledger takes for a purpose: HMAC-SHA256 over it, in hex. KeyError or ValueError for a broken Secret."""
    root = data(secret)[ROOT]
    if len(root) < KEY_BYTES:
        raise ValueError(f"{ROOT} has fewer than {KEY_BYTES} bytes")
    return hmac.new(root, purpose.encode(), "sha256").hexdigest()


def data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """What a Secret holds. ValueError for what is no base64."""
    return {name: b64decode(value, validate=True) for name, value in (secret.get("data") or {}).items()}


def _secret(namespace: str, name: str, held: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": names.ledger_labels()},
        "type": "Opaque",
        "data": {key: b64encode(value).decode() for key, value in held.items()},
    }

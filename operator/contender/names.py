"""Every name, label and annotation that Contender writes is made here, and nowhere else."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

GROUP = "contender.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "contender-operator"

COMPONENT = f"{GROUP}/component"  # on all that Contender makes: every watch selects by it
MODELDEPLOYMENT = f"{GROUP}/modeldeployment"
VARIANT = f"{GROUP}/variant"
MANAGED_BY = "app.kubernetes.io/managed-by"

CHAMPION = f"{GROUP}/champion"  # annotation of what lets clients in: the champion outlives a lost status
BLOCK = f"{GROUP}/block"  # annotation of an HTTPRoute: what it was made of
BOOTSTRAP = f"{GROUP}/bootstrap"  # annotation of the router's pod template: a new bootstrap rolls the pods
PROMOTE = f"{GROUP}/promote"  # commands: annotations of a ModelDeployment, each names the variant that it speaks of
ABORT = f"{GROUP}/abort"
RETRY = f"{GROUP}/retry"
PAUSE = f"{GROUP}/pause"
REFRESH = f"{GROUP}/refresh"  # annotation of a router pod: its change makes the kubelet sync the configuration

VARIANT_COMPONENT = "variant"
ENTRY_COMPONENT = "entry"
ROUTER_COMPONENT = "router"
TRIAL_COMPONENT = "trial"
ROUTE_COMPONENT = "route"
LEDGER_COMPONENT = "ledger"

ROUTER = "contender-router"
ROUTER_BOOTSTRAP = "contender-router-bootstrap"
PIN_HEADER = "x-contender-variant"

LEDGER = "contender-ledger"  # StatefulSet, Service, PDB, and the Secret that tokens are derived from
RECEIPT_KEYS = "contender-receipts"  # the Secret with the keys that receipts are sealed with

NOT_IDENTITY = frozenset({"version", "secretRef"})
HASH_VERSION = 1
HASH_LENGTH = 8


def variant_hash(model: Mapping[str, Any], runtime: Mapping[str, Any]) -> str:
    """The name of a variant: 8 hex digits over what the user asked for, never over what was rendered.

    `model.version` is a label for people, and `model.secretRef` how to get at the bytes: the same bytes under another
    label or from behind another door are the same variant.
    """
    intent = {
        "hashVersion": HASH_VERSION,
        "model": {key: value for key, value in model.items() if key not in NOT_IDENTITY},
        "runtime": dict(runtime),
    }
    canonical = json.dumps(intent, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]


def variant_name(deployment: str, variant: str) -> str:
    """The name that a variant's Deployment, Service, HPA and PDB share."""
    return f"{deployment}-{variant}"


def trial_name(deployment: str, number: int) -> str:
    return f"{deployment}-{number}"


def trial_number(name: str) -> int:
    """The inverse of `trial_name`; 0 for a name that it did not make."""
    number = name.rpartition("-")[2]
    return int(number) if number.isdigit() else 0


def variant_labels(deployment: str, variant: str) -> dict[str, str]:
    return {
        COMPONENT: VARIANT_COMPONENT,
        MODELDEPLOYMENT: deployment,
        VARIANT: variant,
        MANAGED_BY: FIELD_MANAGER,
    }


def variant_selector(deployment: str, variant: str) -> dict[str, str]:
    return {MODELDEPLOYMENT: deployment, VARIANT: variant}


def entry_labels(deployment: str) -> dict[str, str]:
    return {COMPONENT: ENTRY_COMPONENT, MODELDEPLOYMENT: deployment, MANAGED_BY: FIELD_MANAGER}


def route_labels(deployment: str) -> dict[str, str]:
    return {COMPONENT: ROUTE_COMPONENT, MODELDEPLOYMENT: deployment, MANAGED_BY: FIELD_MANAGER}


def trial_labels(deployment: str) -> dict[str, str]:
    return {COMPONENT: TRIAL_COMPONENT, MODELDEPLOYMENT: deployment, MANAGED_BY: FIELD_MANAGER}


def router_labels() -> dict[str, str]:
    return {COMPONENT: ROUTER_COMPONENT, MANAGED_BY: FIELD_MANAGER}


def router_selector() -> dict[str, str]:
    return {COMPONENT: ROUTER_COMPONENT}


def ledger_labels() -> dict[str, str]:
    return {COMPONENT: LEDGER_COMPONENT, MANAGED_BY: FIELD_MANAGER}


def ledger_selector() -> dict[str, str]:
    return {COMPONENT: LEDGER_COMPONENT}

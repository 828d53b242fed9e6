"""What the chart tells the operator, all of it by environment variables. docs/ and charts/ name the same ones."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contender.manifests.ledger import LedgerSettings, Storage

DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Settings:
    serving_image: str
    router_image: str
    router_replicas: int
    router_resources: Mapping[str, Any]
    ledger: LedgerSettings
    gateway_proxy_namespace: str  # where the proxies of Gateways run
    watch_namespaces: tuple[str, ...]  # none means all
    namespace: str  # the operator's own
    identity: str  # the pod's name
    log_level: str

    @classmethod
    def read(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises KeyError naming the variable that is missing."""
        return cls(
            serving_image=env["CONTENDER_SERVING_IMAGE"],
            router_image=env["CONTENDER_ROUTER_IMAGE"],
            router_replicas=int(env.get("CONTENDER_ROUTER_REPLICAS", "2")),
            router_resources=json.loads(env.get("CONTENDER_ROUTER_RESOURCES", "{}")),
            ledger=_ledger(env["CONTENDER_LEDGER_IMAGE"], json.loads(env["CONTENDER_LEDGER"])),
            gateway_proxy_namespace=env.get("CONTENDER_GATEWAY_PROXY_NAMESPACE", "envoy-gateway-system"),
            watch_namespaces=tuple(filter(None, env.get("CONTENDER_WATCH_NAMESPACES", "").split(","))),
            namespace=env["CONTENDER_NAMESPACE"],
            identity=env["POD_NAME"],
            log_level=env.get("CONTENDER_LOG_LEVEL", "INFO"),
        )


def _ledger(image: str, values: Mapping[str, Any]) -> LedgerSettings:
    """`values` are the chart's own; `retention` is in days, such as 90d."""
    return LedgerSettings(
        image=image,
        replicas=values["replicas"],
        storage=Storage(values["storage"]["size"], values["storage"]["className"]),
        database=values["database"]["secretName"],
        retention=int(values["retention"].removesuffix("d")) * DAY,
        resources=values["resources"],
    )

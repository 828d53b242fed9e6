"""NetworkPolicies as Kubernetes defines them: who may open a connection to whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """A pod, or with an address instead of a namespace anybody outside the cluster."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.244.0.9"


@dataclass(frozen=True)
class Port:
    number: int
    protocol: str = "TCP"


def may_connect(policies: Iterable[Json], source: End, target: End, port: Port) -> bool:
    """Whether the source's policies let the connection out, and the target's let it in."""
    known = list(policies)
    out = _lets(known, source, "egress", "to", target, port)
    return out and _lets(known, target, "ingress", "from", source, port)


def _lets(policies: list[Json], end: End, way: str, peers: str, other: End, port: Port) -> bool:
    about = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == end.namespace
        and way.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], end.labels)
    ]
    rules = [(rule, str(end.namespace)) for policy in about for rule in policy["spec"].get(way) or ()]
    return not about or any(
        (not rule.get(peers) or any(_is(peer, other, home) for peer in rule[peers]))
        and (not rule.get("ports") or any(_covers(each, port) for each in rule["ports"]))
        for rule, home in rules
    )


def _is(peer: Json, end: End, home: str) -> bool:
    if "ipBlock" in peer:
        return ip_address(end.address) in ip_network(peer["ipBlock"]["cidr"])
    if end.namespace is None:
        return False
    where = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": home}})
    named = {"kubernetes.io/metadata.name": end.namespace}
    return _selects(where, named) and _selects(peer.get("podSelector", {}), end.labels)


def _selects(selector: Json, labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "only labels are understood here"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _covers(rule: Json, port: Port) -> bool:
    return bool(rule["protocol"] == port.protocol and rule["port"] <= port.number <= rule.get("endPort", rule["port"]))

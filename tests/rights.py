"""What an account may do by its roles, and what it was seen to do by the API server's audit log."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Right:
    """One verb on one kind of object; `resource` names its part too, as in `trials/status`."""

    group: str
    resource: str
    verb: str


# Asked of whoever makes an object that blocks its owner's deletion, where that is enforced: never a request of its own.
ASKED_BY_ADMISSION = {Right("contender.dev", "modeldeployments/finalizers", "update")}


def granted(roles: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Every right that roles give, whatever the names of the objects that they are confined to."""
    return {
        Right(group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(events: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Every right without which one of these audit events would have been refused."""
    return {right for event in events for right in _needed(event)}


def refused(events: Iterable[Mapping[str, Any]]) -> set[Right]:
    """What was asked for in vain."""
    return used(event for event in events if event.get("responseStatus", {}).get("code") == 403)


def _needed(event: Mapping[str, Any]) -> Iterator[Right]:
    what = event.get("objectRef")
    if what is None:  # discovery, which everybody may
        return
    resource = "/".join(part for part in (what["resource"], what.get("subresource")) if part)
    yield Right(what.get("apiGroup", ""), resource, event["verb"])
    if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == 201:
        yield Right(what.get("apiGroup", ""), resource, "create")  # a server-side apply of what was not there

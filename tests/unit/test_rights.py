from typing import Any

import pytest

from tests.rights import Right, granted, refused, used

CREATED, FORBIDDEN = 201, 403


def event(verb: str, code: int = 200, **what: str) -> dict[str, Any]:
    return {"verb": verb, "objectRef": {"apiVersion": "v1", **what}, "responseStatus": {"code": code}}


def test_a_role_grants_each_verb_on_each_resource() -> None:
    role = {"rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}]}

    assert granted([role, role]) == {Right("apps", "deployments", "get"), Right("apps", "deployments", "list")}


@pytest.mark.parametrize(
    ("seen", "rights"),
    [
        (event("list", resource="pods"), {Right("", "pods", "list")}),
        (
            event("patch", resource="trials", subresource="status", apiGroup="contender.dev"),
            {Right("contender.dev", "trials/status", "patch")},
        ),
        (
            event("patch", CREATED, resource="services"),
            {Right("", "services", "patch"), Right("", "services", "create")},
        ),
        ({"verb": "get", "requestURI": "/apis"}, set()),
    ],
)
def test_a_request_needs_the_right_to_its_verb_and_one_that_creates_by_patching_that_too(
    seen: dict[str, Any], rights: set[Right]
) -> None:
    assert used([seen]) == rights


def test_what_was_forbidden_is_told_apart() -> None:
    assert refused([event("get", resource="pods"), event("get", FORBIDDEN, resource="secrets")]) == {
        Right("", "secrets", "get")
    }

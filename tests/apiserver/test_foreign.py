"""What the operator did not make it never touches, whatever its name or its labels say."""

from collections.abc import Mapping
from typing import Any

import pytest

from contender import names
from contender.cluster import kinds
from tests.apiserver.operators import Operator
from tests.apiserver.user import Object, User, variant

OTHER = "deadbeef"


def manifest(kind: kinds.Kind, name: str, content: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
    version = f"{kind.group}/{kind.version}".strip("/")
    metadata = {"name": name, "labels": {"app": "theirs", **labels}}
    return {"apiVersion": version, "kind": kind.name, "metadata": metadata, **content}


def workload(name: str, **labels: str) -> Object:
    """A Deployment without pods."""
    mine = {"app": "theirs"}
    pod = {"containers": [{"name": "theirs", "image": "theirs:1"}]}
    template = {"metadata": {"labels": mine}, "spec": pod}
    spec = {"replicas": 0, "selector": {"matchLabels": mine}, "template": template}
    return manifest(kinds.DEPLOYMENT, name, {"spec": spec}, labels)


def service(name: str, **labels: str) -> Object:
    spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
    return manifest(kinds.SERVICE, name, {"spec": spec}, labels)


def budget(name: str, **labels: str) -> Object:
    return manifest(kinds.PDB, name, {"spec": {"selector": {"matchLabels": {"app": "theirs"}}}}, labels)


def config(name: str, **labels: str) -> Object:
    return manifest(kinds.CONFIGMAP, name, {"data": {"theirs": "yes"}}, labels)


def trial(name: str, **labels: str) -> Object:
    spec = {
        "modelDeployment": "churn",
        "champion": {"variant": variant("1")},
        "challenger": {"variant": OTHER},
        "championReplicas": 1,
        "steps": [5],
        "soak": "1s",
        "guardrails": [{"measure": "errors", "below": 0.1}],
        "confidence": 0.95,
        "timeout": "1h",
        "onTimeout": "Hold",
    }
    return manifest(kinds.TRIAL, name, {"spec": spec}, labels)


TAKEN = [
    service("churn"),
    workload(f"churn-{variant('1')}"),
    config(names.ROUTER),
    service("churn", **names.entry_labels("churn")),
    config(names.ROUTER, **names.router_labels()),
]
LOOKALIKES = [
    workload(f"churn-{OTHER}", **names.variant_labels("churn", OTHER)),
    service(f"churn-{OTHER}", **names.variant_labels("churn", OTHER)),
    budget(f"churn-{OTHER}", **names.variant_labels("churn", OTHER)),
    trial("churn-7", **names.trial_labels("churn")),
    trial("mine", **names.trial_labels("churn")),
]


def told(raw: Object) -> str:
    ours = "labelled" if names.COMPONENT in raw["metadata"]["labels"] else "unlabelled"
    return f"{ours} {raw['kind']} {raw['metadata']['name']}"


def as_made(raw: Object) -> Object:
    """All that its owner wrote, and who else laid hands on it."""
    meta = raw["metadata"]
    managers = {each["manager"] for each in meta["managedFields"]} & {names.FIELD_MANAGER}
    kept = {key: meta.get(key) for key in ("uid", "labels", "ownerReferences", "generation", "deletionTimestamp")}
    return {**kept, "managers": managers, "spec": raw.get("spec"), "data": raw.get("data")}


def stalled(status: Object) -> bool:
    return any(condition["type"] == "Stalled" for condition in status.get("conditions", []))


@pytest.mark.parametrize("foreign", TAKEN, ids=told)
async def test_an_object_of_the_same_name_is_not_touched_and_work_goes_on_when_it_is_gone(
    operator: Operator, user: User, foreign: Object
) -> None:
    kind, name = kinds.BY_NAME[foreign["kind"]], foreign["metadata"]["name"]
    theirs = as_made(await user.creates(foreign))
    await user.applies("1")
    await operator.works(until=stalled)
    condition = await user.condition("Stalled")

    assert as_made(await user.gets(kind, name)) == theirs
    assert condition
    assert condition["reason"] == "NameTaken"
    assert condition["message"].startswith(f"{kind.name} {name} is not Contender's: delete it")

    await user.deletes(kind, name)
    await operator.settles()

    assert await user.condition("Stalled") is None
    assert (await user.gets(kind, name))["metadata"]["labels"][names.MANAGED_BY] == names.FIELD_MANAGER


async def test_what_only_looks_like_ours_is_neither_touched_nor_believed(operator: Operator, user: User) -> None:
    theirs = [as_made(await user.creates(lookalike)) for lookalike in LOOKALIKES]
    await user.applies("1")
    await operator.settles()
    status = await user.status()
    now = [await user.gets(kinds.BY_NAME[one["kind"]], one["metadata"]["name"]) for one in LOOKALIKES]

    assert [as_made(raw) for raw in now] == theirs
    assert status["champion"]["variant"] == variant("1")
    assert status["history"] == []


async def test_what_only_looks_like_ours_stays_when_the_variant_of_its_name_goes(
    operator: Operator, user: User
) -> None:
    name = f"churn-{variant('2')}"
    await user.applies("1")
    await operator.settles()
    theirs = as_made(await user.creates(budget(name, **names.variant_labels("churn", variant("2")))))
    await user.applies("2")
    await operator.works(until=stalled)
    half_made = await user.finds(kinds.DEPLOYMENT, name)
    await user.applies("1")
    await operator.settles()

    assert half_made is not None
    assert await user.finds(kinds.DEPLOYMENT, name) is None
    assert as_made(await user.gets(kinds.PDB, name)) == theirs

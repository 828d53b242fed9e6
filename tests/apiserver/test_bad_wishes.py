"""Wishes that make no sense, or too much of it: none disturbs a champion, and each is told what to write instead."""

from typing import Any

from contender.cluster.kinds import DEPLOYMENT, HPA, MODELDEPLOYMENT, SERVICE, TRIAL
from tests.apiserver.operators import Operator, on_trial
from tests.apiserver.test_foreign import as_made, stalled
from tests.apiserver.user import NAME, Object, User, modeldeployment, variant

MANY = 1000


async def test_the_champion_under_another_version_is_no_challenger_and_that_is_said_once(
    operator: Operator, user: User
) -> None:
    await user.applies("1")
    await operator.settles()
    await user.edits(MODELDEPLOYMENT, NAME, {"spec": {"model": {"version": "1-again"}}})
    await operator.settles()
    await operator.settles()
    (said,) = await user.events("SameVariant")

    assert said.startswith(f"spec asks for the champion, variant {variant('1')}; its version is 1-again now and was 1")
    assert await user.lists(TRIAL) == []
    assert (await user.status())["champion"]["version"] == "1-again"


async def test_of_two_wishes_in_a_moment_only_the_last_is_tried(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await user.applies("3")
    await operator.works(until=on_trial)
    (trial,) = await user.lists(TRIAL)

    assert trial["spec"]["challenger"]["variant"] == variant("3")
    assert await user.finds(DEPLOYMENT, f"{NAME}-{variant('2')}") is None


async def test_of_two_wishes_between_two_looks_the_last_is_tried_in_the_end(operator: Operator, user: User) -> None:
    await user.applies("1")
    await operator.settles()
    await user.applies("2")
    await operator.looks()
    await user.applies("3")
    await operator.acts()
    await operator.works(until=lambda status: status.get("trial", {}).get("challenger") == variant("3"))
    phases = [trial["status"]["phase"] for trial in await user.lists(TRIAL) if on(trial) == variant("2")]

    assert phases == ["Superseded"]
    assert (await user.status())["champion"]["variant"] == variant("1")


def on(trial: Object) -> str:
    """Who is on trial."""
    return str(trial["spec"]["challenger"]["variant"])


async def test_two_who_claim_one_service_are_told_apart_and_the_first_keeps_it(operator: Operator, user: User) -> None:
    """A ModelDeployment may be called just as another one's variant is."""
    theirs = f"{NAME}-{variant('1')}"
    await user.applies("1")
    await operator.settles()
    before = as_made(await user.gets(SERVICE, theirs)), await user.status()
    await user.applies("2", name=theirs)
    await operator.works(until=stalled, name=theirs)
    (condition,) = [each for each in (await user.status(theirs))["conditions"] if each["type"] == "Stalled"]
    await operator.settles()

    assert condition["reason"] == "NameTaken"
    assert f"Service {theirs}" in condition["message"]
    assert (as_made(await user.gets(SERVICE, theirs)), await user.status()) == before


async def test_a_wish_of_more_than_a_thousand_lines_is_served_like_any_other(operator: Operator, user: User) -> None:
    manifest = modeldeployment("1")
    manifest["spec"]["scheduling"]["affinity"] = on_one_of([f"node-{number}" for number in range(MANY)])
    await user.creates(manifest)
    await operator.settles()
    made = await user.gets(DEPLOYMENT, f"{NAME}-{variant('1')}")

    assert made["spec"]["template"]["spec"]["affinity"] == on_one_of([f"node-{number}" for number in range(MANY)])
    assert (await user.status())["champion"]["variant"] == variant("1")


def on_one_of(nodes: list[str]) -> dict[str, Any]:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


async def test_a_metric_that_nobody_serves_is_told_with_its_mend_and_the_champion_serves_on(
    operator: Operator, user: User
) -> None:
    """The HPA's own controller says so; here it has said so for long."""
    await user.applies("1")
    await user.edits(MODELDEPLOYMENT, NAME, {"spec": {"autoscaling": {"metrics": [PODS_METRIC]}}})
    await operator.settles()
    why = {"type": "ScalingActive", "status": "False", "reason": "FailedGetPodsMetric", "message": "no such metric"}
    since = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    hpa = f"{NAME}-{variant('1')}"
    await user.edits(HPA, hpa, {"status": {"conditions": [{**why, **since}]}}, part="status")
    await operator.settles()
    condition = await user.condition("ChampionAvailable")
    ready = await user.condition("Ready")

    assert condition
    assert condition["status"] == "True"
    assert "; but its HPA does not scale it: " in condition["message"]
    assert condition["message"].endswith("name metrics in spec.autoscaling.metrics that the cluster serves")
    assert ready
    assert ready["status"] == "True"


PODS_METRIC = {
    "type": "Pods",
    "pods": {"metric": {"name": "nobody_serves_this"}, "target": {"type": "AverageValue", "averageValue": "10"}},
}

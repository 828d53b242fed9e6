"""The objects of a variant: golden files, valid for every supported Kubernetes, and safe."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from contender.api import ModelDeployment
from contender.intent import Intent
from contender.manifests import deployment, hpa, pdb, service
from contender.manifests.ledger import LedgerSettings, Storage, ledger_objects
from contender.manifests.routes.router import router_objects
from tests.unit.world import SERVING_IMAGE, spec

GOLDEN = Path(__file__).parent / "golden" / "manifests"
SUPPORTED = ("1.33", "1.36")  # oldest and newest


def owner(**changes: Any) -> ModelDeployment:
    metadata = {"namespace": "team-a", "name": "churn", "uid": "u1", "generation": 1, "resourceVersion": "1"}
    return ModelDeployment.parse({"metadata": metadata, "spec": {**spec("7"), **changes}})


def own_runtime() -> ModelDeployment:
    runtime = {
        "image": "ghcr.io/example/triton:1",
        "args": ["--model", "/mnt/models/bundle"],
        "env": [{"name": "THREADS", "value": "1"}],
        "port": 9000,
        "readyPath": "/ready",
    }
    return owner(runtime=runtime, scheduling={"nodeSelector": {"disk": "ssd"}})


def image_alone() -> ModelDeployment:
    """The image brings the model itself."""
    return owner(model={}, runtime={"image": "ghcr.io/example/triton:1"})


def of_claim() -> ModelDeployment:
    model = {"uri": "pvc://models/churn/7", "digest": "sha256:" + "7" * 64, "format": "onnx", "version": "7"}
    return owner(model=model, autoscaling={"minReplicas": 2, "maxReplicas": 4, "behavior": {"scaleDown": {}}})


def of_a_pickle() -> ModelDeployment:
    return owner(model={**owner().model, "format": "pickle", "allowPickle": True, "versionPolicy": "SameMinor"})


def behind_a_login() -> ModelDeployment:
    return owner(model={**owner().model, "secretRef": {"name": "store-credentials"}})


CASES = {
    "serving-image": owner,
    "own-runtime": own_runtime,
    "image-alone": image_alone,
    "from-a-claim": of_claim,
    "pickle": of_a_pickle,
    "behind-a-login": behind_a_login,
}


def objects(case: str) -> Iterator[Mapping[str, Any]]:
    subject = CASES[case]()
    intent = Intent.of(subject, SERVING_IMAGE)
    yield service.variant_service(subject, intent)
    yield deployment.deployment(subject, intent)
    yield hpa.hpa(subject, intent, 3)
    yield pdb.pdb(subject, intent)
    yield service.entry_service(subject, intent.hash, 10_000)


def as_yaml(made: Iterable[Mapping[str, Any]]) -> str:
    return yaml.safe_dump_all((json.loads(json.dumps(raw)) for raw in made), sort_keys=False)


@pytest.mark.parametrize("case", CASES)
def test_the_objects_are_as_reviewed(case: str) -> None:
    rendered = as_yaml(objects(case))
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(rendered)

    assert rendered == golden.read_text()


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("case", CASES)
def test_the_objects_are_valid_for_the_oldest_and_the_newest_kubernetes(case: str, version: str) -> None:
    owner_reference = {"apiVersion": "contender.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u1"}
    router = router_objects("team-a", [owner_reference], "envoy:1", 2, {})
    for raw in (*objects(case), *router[1:]):
        kubernetes_validate.validate(json.loads(json.dumps(raw)), version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_pods_are_locked_down(case: str) -> None:
    pod = next(raw for raw in objects(case) if raw["kind"] == "Deployment")["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        assert container["securityContext"] == deployment.LOCKED_DOWN


@pytest.mark.parametrize("case", CASES)
def test_replicas_belong_to_the_autoscaler(case: str) -> None:
    assert all("replicas" not in raw["spec"] for raw in objects(case) if raw["kind"] == "Deployment")


def test_the_hash_is_over_what_the_user_asked_for() -> None:
    first = Intent.of(owner(), SERVING_IMAGE)
    relabelled = owner(model={**owner().model, "version": "seven"})
    resized = owner(resources={"requests": {"cpu": "1"}}, scheduling={"priorityClassName": "high"})
    other = owner(model={**owner().model, "digest": "sha256:" + "8" * 64})
    softer = owner(model={**owner().model, "versionPolicy": "Warn"})

    assert Intent.of(owner(), "serving:2").hash == first.hash
    assert Intent.of(relabelled, SERVING_IMAGE).hash == first.hash
    assert Intent.of(resized, SERVING_IMAGE).hash == first.hash
    assert Intent.of(other, SERVING_IMAGE).hash != first.hash
    assert Intent.of(softer, SERVING_IMAGE).hash != first.hash


def test_the_hash_never_changes_between_releases() -> None:
    assert Intent.of(owner(), SERVING_IMAGE).hash == "9d39d59c"


@pytest.mark.parametrize("case", CASES)
def test_each_object_of_a_variant_tells_its_intent(case: str) -> None:
    subject = CASES[case]()

    for raw in list(objects(case))[:4]:
        assert Intent.read(raw) == Intent.of(subject, SERVING_IMAGE)


def test_a_variant_begun_before_there_were_receipts_is_byte_for_byte_what_it_was() -> None:
    subject = owner()
    old = Intent.read(yaml.safe_load((GOLDEN / "begun-without-receipts.yaml").read_text()))

    assert old == replace(Intent.of(subject, SERVING_IMAGE), receipts=False)
    assert as_yaml([deployment.deployment(subject, old)]) == (GOLDEN / "begun-without-receipts.yaml").read_text()


@pytest.mark.parametrize("case", CASES)
def test_receipts_come_from_our_own_image_alone(case: str) -> None:
    (pod,) = (raw["spec"]["template"]["spec"] for raw in objects(case) if raw["kind"] == "Deployment")
    server = pod["containers"][0]
    named = {each["name"]: each.get("value") for each in server["env"]}
    mounts = [each for each in server["volumeMounts"] if each["name"] == "receipts"]
    volumes = [each["secret"] for each in pod["volumes"] if each["name"] == "receipts"]

    if "image" in CASES[case]().runtime:
        assert (mounts, volumes, "CONTENDER_VARIANT" in named) == ([], [], False)
    else:
        assert mounts == [{"name": "receipts", "mountPath": "/mnt/receipts", "readOnly": True}]
        assert volumes == [{"secretName": "contender-receipts", "optional": True, "defaultMode": 0o440}]
        assert named["CONTENDER_DEPLOYMENT"] == "churn"
        assert named["CONTENDER_VARIANT"] == Intent.of(CASES[case](), SERVING_IMAGE).hash


OWNERS = [{"apiVersion": "contender.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u1"}]
RESOURCES = {"requests": {"cpu": "50m"}, "limits": {"memory": "512Mi"}}
LEDGERS = {
    "ledger": LedgerSettings("operator:1", 1, Storage("1Gi", ""), "", 7_776_000, RESOURCES),
    "ledger-of-a-class": LedgerSettings("operator:1", 1, Storage("5Gi", "fast"), "", 7_776_000, {}),
    "ledger-on-a-database": LedgerSettings("operator:1", 2, Storage("1Gi", ""), "labels-db", 86_400, {}),
}


@pytest.mark.parametrize("case", LEDGERS)
def test_a_ledger_is_as_reviewed(case: str) -> None:
    rendered = as_yaml(ledger_objects("team-a", OWNERS, LEDGERS[case]))
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(rendered)

    assert rendered == golden.read_text()


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("case", LEDGERS)
def test_a_ledger_is_valid_for_the_oldest_and_the_newest_kubernetes(case: str, version: str) -> None:
    for raw in ledger_objects("team-a", OWNERS, LEDGERS[case]):
        kubernetes_validate.validate(json.loads(json.dumps(raw)), version, strict=True)


@pytest.mark.parametrize("case", LEDGERS)
def test_a_ledger_is_locked_down_and_its_labels_outlive_it(case: str) -> None:
    stateful_set = ledger_objects("team-a", OWNERS, LEDGERS[case])[0]
    spec, pod = stateful_set["spec"], stateful_set["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == deployment.LOCKED_DOWN
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert not any("ownerReferences" in claim["metadata"] for claim in spec.get("volumeClaimTemplates", ()))

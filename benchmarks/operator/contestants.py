"""The two that are compared: what is applied for each model, how it is changed, and how it is seen to be done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from contender import names
from tests.installation import ACCOUNT
from tests.installation import NAMESPACE as SYSTEM

Json = dict[str, Any]

NAMESPACES = tuple(f"bench-{number:02}" for number in range(20))
PAUSE = 5  # seconds at half of the traffic, and again when the new one has all
LABELS = {"bench": "model"}
APPLIED = "bench=model"  # what selects by them
STANDS = "first"  # the ModelDeployment of each namespace that is there all along, with the namespace's routers
FIRST, SECOND = "1", "2"  # the versions
PLAYED = {"kwok.x-k8s.io/node": "fake"}  # label of the nodes whose pods are played
TOLERATIONS = [{"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}]
REQUESTS = {"cpu": "100m", "memory": "64Mi"}


@dataclass(frozen=True, slots=True)
class Model:
    """One of many."""

    namespace: str
    name: str

    @property
    def metadata(self) -> Json:
        """For all that is made for it."""
        return {"name": self.name, "namespace": self.namespace, "labels": LABELS}


def models(count: int) -> list[Model]:
    """So many, over all namespaces."""
    return [Model(NAMESPACES[number % len(NAMESPACES)], f"m-{number:04}") for number in range(count)]


class Contestant(Protocol):
    """A controller that rolls models out."""

    name: str
    account: str  # as the API server knows it
    program: str  # as the kernel knows it
    namespace: str  # where it runs
    group: str  # path of the API group of its objects
    plural: str
    workloads: str  # path of what it makes first for a new version
    collections: tuple[str, ...]  # of what a user applied; all else goes with it
    remains: str  # what selects the last that goes

    def objects(self, model: Model) -> Iterator[tuple[str, Json]]:
        """All that a user applies for a model: each as the path of its collection, and itself."""

    def change(self) -> Json:
        """A merge patch that asks for the second version."""

    def reached(self, raw: Mapping[str, Any]) -> str | None:
        """The version of which the object says that all is done."""


class Contender:
    """One ModelDeployment, from which the operator makes all else."""

    name = "Contender"
    account = ACCOUNT
    program = "python"
    namespace = SYSTEM
    group = f"/apis/{names.API_VERSION}"
    plural = "modeldeployments"
    workloads = "/apis/apps/v1/deployments"
    collections: tuple[str, ...] = (f"{group}/namespaces/{{}}/{plural}",)
    remains = f"{names.MODELDEPLOYMENT},{names.MODELDEPLOYMENT}!={STANDS}"

    def objects(self, model: Model) -> Iterator[tuple[str, Json]]:
        spec = {
            **_version(FIRST),
            "resources": {"requests": REQUESTS},
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
            "scheduling": {"nodeSelector": PLAYED, "tolerations": TOLERATIONS},
            "trial": {"steps": [50], "soak": f"{PAUSE}s", "standby": f"{PAUSE}s"},
        }
        manifest = {"apiVersion": names.API_VERSION, "kind": "ModelDeployment", "metadata": model.metadata}
        yield f"{self.group}/namespaces/{model.namespace}/{self.plural}", {**manifest, "spec": spec}

    def change(self) -> Json:
        return {"spec": _version(SECOND)}

    def reached(self, raw: Mapping[str, Any]) -> str | None:
        status: Json = raw.get("status", {})
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
        current = status.get("observedGeneration") == raw["metadata"]["generation"]
        version: str | None = status.get("champion", {}).get("version")
        return version if ready and current and status.get("phase") == "Idle" else None


def _version(version: str) -> Json:
    return {"model": {"version": version}, "runtime": {"image": f"model.example/served:{version}"}}


class ArgoRollouts:
    """A Rollout, with the Services, the HPA and the PDB that Contender would have made."""

    name = "Argo Rollouts"
    account = "system:serviceaccount:argo-rollouts:argo-rollouts"
    program = "rollouts-contro"
    namespace = "argo-rollouts"
    group = "/apis/argoproj.io/v1alpha1"
    plural = "rollouts"
    workloads = "/apis/apps/v1/replicasets"
    collections: tuple[str, ...] = (
        f"{group}/namespaces/{{}}/{plural}",
        "/api/v1/namespaces/{}/services",
        "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
        "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    )
    remains = APPLIED

    def objects(self, model: Model) -> Iterator[tuple[str, Json]]:
        made = (
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": _rollout(model)},
            {"apiVersion": "v1", "kind": "Service", "spec": _service(model)},
            {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": _autoscaler(model)},
            {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": _budget(model)},
        )
        for path, manifest in zip(self.collections, made, strict=True):
            yield path.format(model.namespace), {**manifest, "metadata": model.metadata}
        canary = {**model.metadata, "name": f"{model.name}-canary"}
        headless = {**_service(model), "clusterIP": "None"}
        yield (
            self.collections[1].format(model.namespace),
            {"apiVersion": "v1", "kind": "Service", "metadata": canary, "spec": headless},
        )

    def change(self) -> Json:
        return {"spec": {"template": {"spec": {"containers": [_container(SECOND)]}}}}

    def reached(self, raw: Mapping[str, Any]) -> str | None:
        status = raw.get("status", {})
        current = status.get("observedGeneration") == str(raw["metadata"]["generation"])
        stable = status.get("stableRS") and status["stableRS"] == status.get("currentPodHash")
        image: str = raw["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.rpartition(":")[2] if current and stable and status.get("phase") == "Healthy" else None


def _rollout(model: Model) -> Json:
    half, all_of_it, pause = {"setWeight": 50}, {"setWeight": 100}, {"pause": {"duration": f"{PAUSE}s"}}
    services = {"stableService": model.name, "canaryService": f"{model.name}-canary"}
    return {
        "replicas": 1,
        "revisionHistoryLimit": 1,
        "selector": {"matchLabels": _selector(model)},
        "strategy": {"canary": {**services, "steps": [half, pause, all_of_it, pause]}},
        "template": {
            "metadata": {"labels": {**_selector(model), **LABELS}},
            "spec": {"nodeSelector": PLAYED, "tolerations": TOLERATIONS, "containers": [_container(FIRST)]},
        },
    }


def _container(version: str) -> Json:
    image = f"model.example/served:{version}"
    return {"name": "server", "image": image, "ports": [{"containerPort": 8080}], "resources": {"requests": REQUESTS}}


def _service(model: Model) -> Json:
    return {"selector": _selector(model), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}


def _autoscaler(model: Model) -> Json:
    target = {"type": "Utilization", "averageUtilization": 80}
    return {
        "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": model.name},
        "minReplicas": 1,
        "maxReplicas": 1,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


def _budget(model: Model) -> Json:
    return {"maxUnavailable": 1, "selector": {"matchLabels": _selector(model)}}


def _selector(model: Model) -> Json:
    return {"app": model.name}

"""The kinds of object that Contender reads or writes, and where the API server keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contender import names

Object = Mapping[str, Any]  # as the API server gives it


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    group: str  # empty for the core group
    version: str
    plural: str
    selector: str = names.COMPONENT  # what is watched: objects that carry this label

    def path(self, namespace: str | None, name: str | None = None, part: str | None = None) -> str:
        """The URL path of a collection, of an object, or of a part of one such as `status`."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        pieces = [root, *(["namespaces", namespace] if namespace else []), self.plural, name, part]
        return "/".join(piece for piece in pieces if piece)


MODELDEPLOYMENT = Kind("ModelDeployment", names.GROUP, names.VERSION, "modeldeployments", selector="")
TRIAL = Kind("Trial", names.GROUP, names.VERSION, "trials")
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
STATEFULSET = Kind("StatefulSet", "apps", "v1", "statefulsets")
SERVICE = Kind("Service", "", "v1", "services")
HPA = Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers")
PDB = Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets")
CONFIGMAP = Kind("ConfigMap", "", "v1", "configmaps")
POD = Kind("Pod", "", "v1", "pods")
SECRET = Kind("Secret", "", "v1", "secrets", selector="")
EVENT = Kind("Event", "", "v1", "events")
HTTPROUTE = Kind("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes")
GATEWAY = Kind("Gateway", "gateway.networking.k8s.io", "v1", "gateways", selector="")
GATEWAYCLASS = Kind("GatewayClass", "gateway.networking.k8s.io", "v1", "gatewayclasses", selector="")

WATCHED = (MODELDEPLOYMENT, TRIAL, DEPLOYMENT, STATEFULSET, SERVICE, HPA, PDB, CONFIGMAP, POD)
OF_A_VARIANT = (HPA, PDB, SERVICE, DEPLOYMENT)
BY_NAME = {kind.name: kind for kind in (*WATCHED, EVENT, HTTPROUTE, SECRET)}

"""What may befall a trial: each fault strikes while its block begins, and is over when that ends."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from contender import names
from tests.cluster import Cluster, Failed
from tests.e2e.eventually import eventually
from tests.e2e.faults import node
from tests.e2e.leader import operator_pods
from tests.e2e.scene import Json, Scene
from tests.e2e.story import QUICK_TRIAL, Story
from tests.installation import NAMESPACE, OPERATOR_PODS, RELEASE

TRIAL: Json = {**QUICK_TRIAL, "steps": [25, 50], "soak": "10s"}  # long enough for a fault to strike it
RATE = 100  # requests a second
PATIENCE = 240  # seconds
STATS_PORT = 9902
REJECTS = {"limitResponse": {"type": "Reject"}}


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial under live traffic, in the words of the story that led to it."""

    story: Story
    champion: str  # hashes
    challenger: str

    @property
    def scene(self) -> Scene:
        return self.story.scene

    @property
    def cluster(self) -> Cluster:
        return self.story.scene.cluster


Strike = Callable[[Stage], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    strike: Strike
    short: bool = False  # in `make test` too


@contextmanager
def operators_killed(stage: Stage) -> Iterator[None]:
    for pod in operator_pods(stage.cluster):
        node.signal(stage.cluster, pod, "KILL")
    yield


@contextmanager
def api_server_killed(stage: Stage) -> Iterator[None]:
    node.signal_component(stage.cluster, "kube-apiserver", "KILL")
    yield
    _api_server_answers(stage)


def _api_server_answers(stage: Stage) -> None:
    eventually(lambda: stage.cluster.kubectl("get", "--raw", "/readyz"), within=120, otherwise=lambda: "no API server")


@contextmanager
def etcd_paused(stage: Stage) -> Iterator[None]:
    node.signal_component(stage.cluster, "etcd", "STOP")
    try:
        time.sleep(20)
        yield
    finally:
        node.signal_component(stage.cluster, "etcd", "CONT")
    _api_server_answers(stage)


@contextmanager
def writes_refused(stage: Stage) -> Iterator[None]:
    """429 for a minute to what the operator's account writes, but for one write at a time: so much is let to all."""
    level = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "nothing"},
        "spec": {
            "type": "Limited",
            "limited": {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0, **REJECTS},
        },
    }
    account = {"kind": "ServiceAccount", "serviceAccount": {"namespace": NAMESPACE, "name": RELEASE}}
    writes = {"verbs": ["create", "update", "patch", "delete"], "apiGroups": ["*"], "resources": ["*"]}
    rule = {"subjects": [account], "resourceRules": [{**writes, "clusterScope": True, "namespaces": ["*"]}]}
    schema = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "no-writes-of-the-operator"},
        "spec": {
            "priorityLevelConfiguration": {"name": "nothing"},
            "matchingPrecedence": 2,  # 1 is the exempt schema's alone
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [rule],
        },
    }
    both = json.dumps({"apiVersion": "v1", "kind": "List", "items": [level, schema]})
    stage.cluster.kubectl("apply", "-f", "-", input=both)
    try:
        time.sleep(60)
        yield
    finally:
        stage.cluster.kubectl("delete", "-f", "-", input=both)


@contextmanager
def router_pod_killed(stage: Stage) -> Iterator[None]:
    pod = stage.story.when().kills_a_router_pod()
    yield
    stage.story.then().the_router_is_whole(without=pod)


@contextmanager
def routers_restarted(stage: Stage) -> Iterator[None]:
    """Every router pod goes in good order, one after the other."""
    for pod in list(stage.scene.router_pods()):
        stage.scene.kubectl("delete", "pod", pod, "--wait=false")
        stage.story.then().the_router_is_whole(without=pod)
    yield


@contextmanager
def champion_pod_killed(stage: Stage) -> Iterator[None]:
    pod, *_ = stage.scene.pods(stage.champion)
    stage.scene.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    yield
    stage.story.then().has_ready_pods(stage.champion, 2, within=120)


@contextmanager
def node_drained(stage: Stage) -> Iterator[None]:
    """Model and router pods are evicted, as fast as their budgets allow."""
    for pod in stage.scene.get("pods", "-l", names.COMPONENT):
        _evict(stage, pod["metadata"]["name"])
    yield


def _evict(stage: Stage, pod: str) -> None:
    home = stage.scene.namespace
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": home}}
    path = f"/api/v1/namespaces/{home}/pods/{pod}/eviction"

    def allowed() -> None:
        try:
            stage.scene.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))
        except Failed as refused:
            if "NotFound" not in str(refused):
                raise

    stage.story.eventually(allowed, within=180)


@contextmanager
def store_gone_at_a_scale_up(stage: Stage) -> Iterator[None]:
    """The champion is to get a third pod while nobody answers at the model store's name."""
    patch = ("-n", "store", "patch", "service", "store", "--type=merge", "-p")
    stage.cluster.kubectl(*patch, '{"spec":{"selector":{"app":"nobody"}}}')
    try:
        scaled = json.dumps({"spec": {"autoscaling": {"minReplicas": 3, "maxReplicas": 3}}})
        stage.scene.kubectl("patch", "modeldeployment", stage.scene.name, "--type=merge", "-p", scaled)
        time.sleep(20)
        yield
    finally:
        stage.cluster.kubectl(*patch, '{"spec":{"selector":{"app":"store"}}}')


@contextmanager
def metrics_unreachable(stage: Stage) -> Iterator[None]:
    with node.unreachable(stage.cluster, STATS_PORT):
        stage.story.then().says("RouterIsSilent")
        time.sleep(20)
        yield


@contextmanager
def counters_reset(stage: Stage) -> Iterator[None]:
    for pod in stage.scene.router_pods():
        node.reset_counters(stage.cluster, pod)
    yield


@contextmanager
def configuration_lost(stage: Stage) -> Iterator[None]:
    """The router's ConfigMap is as it was before the challenger came."""
    raw = json.loads(stage.scene.kubectl("get", "configmap", names.ROUTER, "-o", "json"))["data"]
    routes = {key: value for key, value in raw.items() if stage.challenger not in value}
    lost = json.dumps({"data": {**dict.fromkeys(raw), **routes}})
    stage.scene.kubectl("patch", "configmap", names.ROUTER, "--type=merge", "-p", lost)
    yield


@contextmanager
def objects_deleted(stage: Stage) -> Iterator[None]:
    """Somebody deletes every Service, HPA and PDB that Contender made, and the Deployments but not their pods."""
    kinds = "services,hpa,pdb"
    stage.scene.kubectl("delete", kinds, "-l", names.COMPONENT, "--wait=false")
    stage.scene.kubectl("delete", "deployments", "-l", names.COMPONENT, "--cascade=orphan")
    yield


@contextmanager
def objects_edited(stage: Stage) -> Iterator[None]:
    """Somebody edits an object of each kind by hand."""
    champion = names.variant_name(stage.scene.name, stage.champion)
    edits: dict[str, Json] = {
        f"service/{champion}": {"spec": {"ports": [{"name": "http", "port": 8080, "targetPort": 9}]}},
        f"hpa/{champion}": {"spec": {"maxReplicas": 50}},
        f"pdb/{champion}": {"spec": {"maxUnavailable": 2}},
        f"deployment/{champion}": {"metadata": {"annotations": {f"{names.GROUP}/intent": "none"}}},
        f"service/{stage.scene.name}": {"metadata": {"annotations": {names.CHAMPION: "nobody"}}},
    }
    for what, patch in edits.items():
        stage.scene.kubectl("patch", what, "--type=merge", "-p", json.dumps(patch))
    yield


@contextmanager
def definitions_upgraded(stage: Stage) -> Iterator[None]:
    """The CRDs get another version of their schema."""
    for plural in ("modeldeployments", "trials"):
        edit = [{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "another"}]
        patch = ("patch", "crd", f"{plural}.{names.GROUP}", "--type=json", "-p", json.dumps(edit))
        stage.cluster.kubectl(*patch)
    yield


@contextmanager
def operators_deleted(stage: Stage) -> Iterator[None]:
    """Every operator pod goes at once, and others come under other names."""
    stage.cluster.kubectl("-n", NAMESPACE, "delete", "pods", "-l", OPERATOR_PODS, "--grace-period=0", "--force")
    yield


FAULTS = (
    Fault("both operators killed (SIGKILL)", operators_killed, short=True),
    Fault("both operator pods deleted", operators_deleted),
    Fault("API server killed", api_server_killed, short=True),
    Fault("API server refuses writes, but one at a time, with 429 for 60 s", writes_refused),
    Fault("etcd paused for 20 s", etcd_paused),
    Fault("a router pod killed", router_pod_killed),
    Fault("all router pods restarted one by one", routers_restarted),
    Fault("a champion pod killed", champion_pod_killed),
    Fault("node drained: model and router pods evicted", node_drained),
    Fault("model store gone during a scale-up", store_gone_at_a_scale_up),
    Fault("router counters unreachable for 20 s", metrics_unreachable),
    Fault("router counters reset", counters_reset),
    Fault("router configuration lost", configuration_lost, short=True),
    Fault("owned objects deleted by hand", objects_deleted),
    Fault("owned objects edited by hand", objects_edited),
    Fault("CRDs upgraded", definitions_upgraded),
)

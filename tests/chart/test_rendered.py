"""What the chart makes of its values. Helm renders; nothing is installed."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from contender import names
from contender.__main__ import LEASE
from contender.cluster import kinds
from contender.manifests.ledger import LedgerSettings, Storage
from contender.settings import Settings
from tests.cluster import Cluster, Failed
from tests.installation import CHART, NAMESPACE, RELEASE

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
REFUSED = {
    "router.replica=2": "at '/router': additional properties 'replica' not allowed",
    "router.replicas=0": "at '/router/replicas': minimum: got 0, want 1",
    "replicas=two": "at '/replicas': got string, want integer",
    "logLevel=debug": "at '/logLevel': value must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'",
    "image.pullPolicy=Sometimes": "at '/image/pullPolicy': value must be one of",
    "image.digest=sha256:12": "at '/image/digest': 'sha256:12' does not match pattern",
    "serving.image=contender-serving": "at '/serving/image': 'contender-serving' does not match pattern",
    "watchNamespaces={Blue}": "at '/watchNamespaces/0': 'Blue' does not match pattern",
    "resources.limits.memory=1GB": "at '/resources/limits/memory': '1GB' does not match pattern",
    "router=null": "missing property 'router'",
    "gateway.enabled=yes": "at '/gateway/enabled': got string, want boolean",
    "serviceMonitor.interval=often": "at '/serviceMonitor/interval': 'often' does not match pattern",
    "alerts.labels.release=1": "at '/alerts/labels/release': got number, want string",
    "networkPolicies.clients[0].pods=all": "at '/networkPolicies/clients/0': additional properties 'pods' not allowed",
    "ledger.retention=90": "at '/ledger/retention': got number, want string",
    "ledger.retention=90h": "at '/ledger/retention': '90h' does not match pattern",
    "ledger.storage.size=1GB": "at '/ledger/storage/size': '1GB' does not match pattern",
    "ledger.replicas=2": "name a PostgreSQL in ledger.database.secretName",
    "dashboard.on=true": "at '/dashboard': additional properties 'on' not allowed",
}


@pytest.fixture(scope="module")
def render(cluster: Cluster) -> Render:
    def rendered(*settings: str) -> list[Manifest]:
        arguments = [word for setting in settings for word in ("--set", setting)]
        text = cluster.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *arguments)
        return [manifest for manifest in yaml.safe_load_all(text) if manifest]

    return rendered


def of(kind: str, manifests: list[Manifest]) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def operator(manifests: list[Manifest]) -> Manifest:
    (deployment,) = of("Deployment", manifests)
    pod: Manifest = deployment["spec"]["template"]
    return pod


def container(manifests: list[Manifest]) -> Manifest:
    (only,) = operator(manifests)["spec"]["containers"]
    found: Manifest = only
    return found


def environment(manifests: list[Manifest]) -> dict[str, str]:
    return {each["name"]: each.get("value", "from the pod") for each in container(manifests)["env"]}


def rules(manifests: list[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] in {"Role", "ClusterRole"}:
            yield from manifest["rules"]


def where_it_acts(manifests: list[Manifest]) -> list[Manifest]:
    """The roles that are about ModelDeployments, and not about the operator's own Lease."""
    roles = of("Role", manifests) + of("ClusterRole", manifests)
    return [role for role in roles if role["rules"][0]["apiGroups"] == ["contender.dev"]]


def test_helm_finds_nothing_to_complain_of(cluster: Cluster) -> None:
    assert "0 chart(s) failed" in cluster.helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_the_manifests_are_valid_for_the_oldest_and_the_newest_supported_kubernetes(
    render: Render, version: str
) -> None:
    asked = ("dashboard.enabled=true", "networkPolicies.enabled=true", "networkPolicies.namespaces={blue}")
    builtin = [manifest for manifest in render(*asked) if manifest["kind"] != "CustomResourceDefinition"]

    assert len(builtin) == 13

    for manifest in builtin:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_operators_pods_keep_to_pod_security_restricted(render: Render) -> None:
    spec, server = operator(render())["spec"], container(render())

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "volumes" not in spec


def test_every_right_is_named_verb_by_verb_and_of_secrets_one_is_read(render: Render) -> None:
    for rule in [*rules(render()), *rules(render("watchNamespaces={blue,green}"))]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        if "secrets" in rule["resources"]:
            assert rule["resources"] == ["secrets"]
            assert (rule["verbs"], rule.get("resourceNames")) in [(["create"], None), (["get"], [names.LEDGER])]


def test_the_operator_is_told_of_what_size_a_ledger_is(render: Render) -> None:
    known = Settings.read(environment(render())).ledger
    chosen = ("ledger.database.secretName=labels", "ledger.replicas=3", "ledger.retention=7d", "image.tag=edge")
    other = Settings.read(environment(render(*chosen))).ledger

    assert known == LedgerSettings(
        container(render())["image"], 1, Storage("1Gi", ""), "", 90 * 86_400, VALUES["ledger"]["resources"]
    )
    assert (other.database, other.replicas, other.retention) == ("labels", 3, 7 * 86_400)
    assert other.image == "contender-operator:edge"


def test_the_operator_may_list_and_watch_every_kind_that_it_watches(render: Render) -> None:
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in rules(render())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    for kind in kinds.WATCHED:
        assert {"list", "watch"} <= allowed[kind.group, kind.plural]


def test_without_namespaces_to_watch_the_rights_hold_in_all(render: Render) -> None:
    (role,) = where_it_acts(render())

    assert role["kind"] == "ClusterRole"


def test_with_namespaces_to_watch_the_same_rights_hold_in_those_alone(render: Render) -> None:
    everywhere, chosen = render(), render("watchNamespaces={blue,green}")

    assert {role["metadata"]["namespace"] for role in where_it_acts(chosen)} == {"blue", "green"}
    assert not of("ClusterRole", chosen)
    assert not of("ClusterRoleBinding", chosen)
    assert {str(role["rules"]) for role in where_it_acts(chosen)} == {str(where_it_acts(everywhere)[0]["rules"])}


def of_gateways(manifests: list[Manifest]) -> dict[str, list[str]]:
    """What may be done to each kind of the Gateway API."""
    group = "gateway.networking.k8s.io"
    about = [rule for rule in rules(manifests) if group in rule["apiGroups"]]
    return {resource: rule["verbs"] for rule in about for resource in rule["resources"]}


def test_gateways_are_none_of_its_business_until_the_chart_is_told_so(render: Render) -> None:
    assert of_gateways(render()) == {}
    assert of_gateways(render("gateway.enabled=true")) == {
        "httproutes": ["get", "list", "watch", "create", "patch"],
        "gateways": ["get"],
        "gatewayclasses": ["get"],
    }


def test_with_namespaces_to_watch_the_proxies_pods_are_listed_in_theirs_alone(render: Render) -> None:
    manifests = render("gateway.enabled=true", "watchNamespaces={blue}", "gateway.proxyNamespace=edge")
    about = [role for role in of("Role", manifests) if role["metadata"]["namespace"] == "edge"]
    bound = [binding["roleRef"]["name"] for binding in of("RoleBinding", manifests)]

    assert [role["rules"] for role in about] == [[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]]
    assert about[0]["metadata"]["name"] in bound
    assert Settings.read(Asked(environment(manifests))).gateway_proxy_namespace == "edge"


def test_every_role_is_bound_to_the_operators_account_alone(render: Render) -> None:
    manifests = render("watchNamespaces={blue,green}")
    (account,) = of("ServiceAccount", manifests)
    subject = {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": NAMESPACE}
    bindings = of("RoleBinding", manifests)
    bound = {(binding["metadata"]["namespace"], binding["roleRef"]["name"]) for binding in bindings}

    assert bound == {(role["metadata"]["namespace"], role["metadata"]["name"]) for role in of("Role", manifests)}
    assert [binding["subjects"] for binding in bindings] == [[subject]] * len(bindings)
    assert operator(manifests)["spec"]["serviceAccountName"] == subject["name"]


def test_only_the_operators_lease_may_be_read_and_written(render: Render) -> None:
    about_leases = [rule for rule in rules(render()) if "leases" in rule["resources"]]
    named = [rule for rule in about_leases if rule["verbs"] != ["create"]]

    assert [rule["resourceNames"] for rule in named] == [[LEASE]]


def test_the_token_is_mounted_for_the_operator_and_for_nobody_else(render: Render) -> None:
    (account,) = of("ServiceAccount", render())

    assert account["automountServiceAccountToken"] is False
    assert operator(render())["spec"]["automountServiceAccountToken"] is True


def test_two_operator_pods_spread_out_and_are_never_evicted_both(render: Render) -> None:
    manifests = render()
    (deployment,), (budget,) = of("Deployment", manifests), of("PodDisruptionBudget", manifests)
    labels, selector = operator(manifests)["metadata"]["labels"], deployment["spec"]["selector"]
    spread = operator(manifests)["spec"]["topologySpreadConstraints"]

    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"] == {"maxUnavailable": 1, "selector": selector}
    assert selector["matchLabels"].items() <= labels.items()
    assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert all(each["labelSelector"] == selector for each in spread)
    assert {each["whenUnsatisfiable"] for each in spread} == {"ScheduleAnyway"}


class Asked(Mapping[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.asked = values, set[str]()

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_the_chart_sets_exactly_the_variables_that_the_operator_reads(render: Render) -> None:
    settings = ("watchNamespaces={blue,green}", "router.replicas=3", "router.image=envoy:1", "logLevel=DEBUG")
    given = environment(render(*settings))
    asked = Asked(given)
    read = Settings.read(asked)

    assert asked.asked == set(given)
    assert read.watch_namespaces == ("blue", "green")
    assert (read.router_image, read.router_replicas, read.log_level) == ("envoy:1", 3, "DEBUG")
    assert read.router_resources == VALUES["router"]["resources"]


def test_an_image_is_named_by_its_digest_else_its_tag_else_the_charts_version(render: Render) -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    digest = "sha256:" + 64 * "a"

    assert container(render())["image"] == f"contender-operator:{version}"
    assert container(render("image.tag=edge"))["image"] == "contender-operator:edge"
    assert container(render("image.tag=edge", f"image.digest={digest}"))["image"] == f"contender-operator@{digest}"
    assert VALUES["serving"]["image"].endswith(f":{version}")


def test_what_is_said_of_the_operators_pods_reaches_them(render: Render) -> None:
    spec = operator(
        render(
            "imagePullSecrets[0].name=registry-credentials",
            "nodeSelector.disk=fast",
            "tolerations[0].key=spot",
            "tolerations[0].operator=Exists",
            "priorityClassName=high",
            "resources.limits.memory=1Gi",
        )
    )["spec"]

    assert spec["imagePullSecrets"] == [{"name": "registry-credentials"}]
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert spec["priorityClassName"] == "high"
    assert spec["containers"][0]["resources"]["limits"] == {"memory": "1Gi"}


def test_the_probes_ask_the_port_that_serves_health_and_metrics(render: Render) -> None:
    manifests = render()
    server, (service,) = container(manifests), of("Service", manifests)
    probes = [server[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]

    assert server["ports"] == [{"name": "metrics", "containerPort": 8081}]
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    assert {probe["port"] for probe in probes} == {"metrics"}
    assert service["spec"]["selector"].items() <= operator(manifests)["metadata"]["labels"].items()


WATCHING = ("serviceMonitor.enabled=true", "alerts.enabled=true", "dashboard.enabled=true")


def test_nothing_of_prometheus_or_grafana_is_there_unless_asked_for(render: Render) -> None:
    watching = {manifest["kind"] for manifest in render(*WATCHING)} - {manifest["kind"] for manifest in render()}

    assert watching == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}


def test_the_service_monitor_finds_the_metrics_of_every_operator_pod(render: Render) -> None:
    manifests = render(*WATCHING, "serviceMonitor.labels.release=prometheus")
    (monitor,), (service,) = of("ServiceMonitor", manifests), of("Service", manifests)
    (endpoint,) = monitor["spec"]["endpoints"]

    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["honorLabels"] is True
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_the_alerts_are_those_that_promtool_has_tried(render: Render) -> None:
    (rule,) = of("PrometheusRule", render(*WATCHING, "alerts.labels.release=prometheus"))

    assert rule["spec"] == yaml.safe_load((CHART / "alerts.yaml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_the_dashboard_is_found_by_grafanas_sidecar_and_is_the_one_in_the_chart(render: Render) -> None:
    (dashboard,) = of("ConfigMap", render(*WATCHING))
    file = CHART / "dashboards" / "contender.json"

    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert {name: json.loads(text) for name, text in dashboard["data"].items()} == {
        file.name: json.loads(file.read_text())
    }


def test_the_definitions_are_kept_on_uninstall_unless_told_otherwise(render: Render) -> None:
    kept, going = (of("CustomResourceDefinition", render(setting)) for setting in ("crds.keep=true", "crds.keep=false"))

    assert len(kept) == len(going) == 2
    assert all(crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for crd in kept)
    assert not any("helm.sh/resource-policy" in crd["metadata"].get("annotations", {}) for crd in going)
    assert not of("CustomResourceDefinition", render("crds.enabled=false"))


@pytest.mark.parametrize("setting", REFUSED)
def test_a_wrong_value_is_refused_and_named(render: Render, setting: str) -> None:
    with pytest.raises(Failed) as refusal:
        render(setting)

    assert REFUSED[setting] in str(refusal.value)

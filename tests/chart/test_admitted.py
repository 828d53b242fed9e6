"""What the API server says to the chart: Pod Security admission, and the rights of the operator's account."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster
from tests.installation import CHART, NAMESPACE, RELEASE

Allowed = Callable[..., bool]


def test_the_operators_pods_are_admitted_where_pod_security_restricted_is_enforced(
    cluster: Cluster, namespace: str
) -> None:
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    template = ("template", RELEASE, str(CHART), "--show-only", "templates/deployment.yaml")
    pod = yaml.safe_load(cluster.helm(*template))["spec"]["template"]
    pod["spec"]["serviceAccountName"] = "default"
    pod |= {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": namespace}}
    said = cluster.kubectl("create", "--dry-run=server", "--filename=-", input=json.dumps(pod))

    assert said.strip() == "pod/operator created (server dry run)"


@pytest.fixture
def allowed(contender: Cluster) -> Allowed:
    """Whether the operator's account may do something, by the API server's own authorizer."""

    def ask(verb: str, resource: str, group: str = "", namespace: str = "default", **more: str) -> bool:
        what = {"verb": verb, "resource": resource, "group": group, "namespace": namespace, **more}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": f"system:serviceaccount:{NAMESPACE}:{RELEASE}", "resourceAttributes": what},
        }
        answer = contender.kubectl("create", "--filename=-", "--output=json", input=json.dumps(review))
        status: dict[str, Any] = json.loads(answer)["status"]
        return bool(status["allowed"])

    return ask


def test_the_operator_may_make_a_variant_and_tell_of_it(allowed: Allowed) -> None:
    assert allowed("create", "deployments", "apps")
    assert allowed("patch", "modeldeployments", "contender.dev", subresource="status")
    assert allowed("create", "events")


def test_the_operator_may_neither_read_peoples_secrets_nor_change_what_the_user_wrote(allowed: Allowed) -> None:
    assert not allowed("get", "secrets")
    assert not allowed("get", "secrets", name="contender-receipts")
    assert not allowed("list", "secrets")
    assert not allowed("patch", "secrets")
    assert not allowed("patch", "modeldeployments", "contender.dev")
    assert not allowed("delete", "modeldeployments", "contender.dev")
    assert not allowed("patch", "trials", "contender.dev")
    assert not allowed("delete", "configmaps")
    assert not allowed("create", "pods")
    assert not allowed("create", "pods", subresource="exec")


def test_the_operator_may_write_its_own_lease_and_no_other(allowed: Allowed) -> None:
    group = "coordination.k8s.io"

    assert allowed("update", "leases", group, NAMESPACE, name="contender-operator")
    assert not allowed("update", "leases", group, NAMESPACE, name="another")
    assert not allowed("update", "leases", group, "kube-system", name="contender-operator")

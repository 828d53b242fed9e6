"""A sync that finds nothing new changes nothing: what GitOps tools and `kubectl wait` count on."""

import json

import pytest
import yaml

from contender import names
from contender.cluster import kinds
from tests.apiserver.operators import Operator
from tests.apiserver.proxy import Proxy
from tests.apiserver.user import Object, User, modeldeployment
from tests.cluster import Cluster, Failed
from tests.schema.examples import VALID
from tools import crds

EXAMPLES = {path.stem: yaml.safe_load(path.read_text()) for path in VALID}
WISHES = {name: example for name, example in EXAMPLES.items() if example["kind"] == "ModelDeployment"}
WHAT_A_TOOL_WRITES = ("apiVersion", "kind", "spec")
KEEPS_NOTHING = {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"}


def sync(cluster: Cluster, namespace: str, manifest: Object) -> Object:
    """The object after a server-side apply, as Argo CD and Flux make it."""
    how = ("--server-side", "--field-manager=gitops", "--output=json", "--namespace", namespace)
    applied: Object = json.loads(cluster.kubectl("apply", *how, "--filename=-", input=json.dumps(manifest)))
    return applied


def written_out(stored: Object) -> Object:
    """A manifest of all that is stored, every default included."""
    metadata = {key: value for key, value in stored["metadata"].items() if key not in KEEPS_NOTHING}
    return {**{key: stored[key] for key in WHAT_A_TOOL_WRITES}, "metadata": metadata}


def version(raw: Object) -> str:
    found: str = raw["metadata"]["resourceVersion"]
    return found


@pytest.mark.parametrize("name", WISHES)
async def test_the_same_manifest_again_changes_nothing(
    quiet_cluster: Cluster, quiet_namespace: str, user: User, name: str
) -> None:
    sync(quiet_cluster, quiet_namespace, WISHES[name])
    # The status' default is not stored, but made up for each answer, until a first status is written.
    told = {"status": {"observedGeneration": 1}}
    first = await user.edits(kinds.MODELDEPLOYMENT, WISHES[name]["metadata"]["name"], told, "status")

    assert version(sync(quiet_cluster, quiet_namespace, WISHES[name])) == version(first)

    whole, whole_again = (sync(quiet_cluster, quiet_namespace, written_out(first)) for _ in range(2))

    assert whole["spec"] == first["spec"]
    assert whole["metadata"]["generation"] == 1
    assert version(whole_again) == version(whole)


async def test_a_sync_of_what_the_operator_has_walked_to_wakes_nobody(
    quiet_cluster: Cluster, quiet_namespace: str, operator: Operator, proxy: Proxy, user: User
) -> None:
    wish = modeldeployment("1")
    sync(quiet_cluster, quiet_namespace, wish)
    await operator.settles()
    proxy.asked.clear()
    before = version(await user.gets(kinds.MODELDEPLOYMENT, "churn"))
    after = sync(quiet_cluster, quiet_namespace, wish)
    quiet_cluster.kubectl(
        "diff", "--server-side", "--field-manager=gitops", "-n", quiet_namespace, "-f", "-", input=json.dumps(wish)
    )  # which fails when there is a difference
    await operator.looks()
    await operator.acts()

    assert version(after) == before
    assert proxy.asked == []


async def test_a_command_that_a_person_gave_outlives_a_sync(
    quiet_cluster: Cluster, quiet_namespace: str, user: User
) -> None:
    wish = modeldeployment("1")
    sync(quiet_cluster, quiet_namespace, wish)
    quiet_cluster.kubectl("annotate", "modeldeployment", "churn", f"{names.PAUSE}=true", "-n", quiet_namespace)

    assert sync(quiet_cluster, quiet_namespace, wish)["metadata"]["annotations"] == {names.PAUSE: "true"}


async def test_kubectl_waits_until_the_operator_has_looked_and_the_model_serves(
    quiet_cluster: Cluster, quiet_namespace: str, operator: Operator, user: User
) -> None:
    wait = ("wait", "--for=condition=Ready", "modeldeployment/churn", "-n", quiet_namespace)
    await user.applies("1")

    assert await user.status() == {"observedGeneration": -1}
    with pytest.raises(Failed, match="timed out"):
        quiet_cluster.kubectl(*wait, "--timeout=1s")

    await operator.settles()

    assert quiet_cluster.kubectl(*wait, "--timeout=60s").strip() == "modeldeployment.contender.dev/churn condition met"

    await user.applies("2")
    with pytest.raises(Failed, match="timed out"):  # the condition speaks of the spec before
        quiet_cluster.kubectl(*wait, "--timeout=1s")


def test_the_definitions_again_change_nothing(quiet_cluster: Cluster) -> None:
    for path in crds.paths():
        definition = yaml.safe_load(path.read_text())
        definitions = [sync(quiet_cluster, "default", definition) for _ in range(2)]

        assert len({version(each) for each in definitions}) == 1

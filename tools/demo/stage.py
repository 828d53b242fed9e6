"""Everything that stands before the story begins: cluster, operator, models in their store, an empty namespace.

And in it a volume for the ledger, which labels come to: the cluster has no StorageClass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track

from tests import models
from tests.cluster import Cluster
from tests.cluster.steps import step
from tests.installation import install
from tests.labelling import make_volume, remove_volume
from tests.namespaces import remove
from tests.store import Store, StoredModel

NAMESPACE = "demo"
MODELS: Mapping[str, Callable[[Path], str]] = {
    "v1": models.good_v1,
    "v2": models.good_v2,
    "v3": models.slow_and_failing,
    "v4": models.mistaken,
}


@dataclass(frozen=True, slots=True)
class Stage:
    cluster: Cluster
    models: Mapping[str, StoredModel]


def build(cluster: Cluster, console: Console) -> Stage:
    """Set the stage on a cluster that is up; what an earlier demo left is taken away."""
    with step("install the chart, wait for the operator", "30 s"):
        install(cluster)
    with step("make an empty namespace", "1 s; 10 s after an earlier demo"):
        remove(cluster, NAMESPACE)
        cluster.kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
        remove_volume(cluster, NAMESPACE)
        cluster.kubectl("create", "namespace", NAMESPACE)
        make_volume(cluster, NAMESPACE)
    return Stage(cluster, _trained(Store(cluster), console))


def _trained(store: Store, console: Console) -> dict[str, StoredModel]:
    stored = {}
    with TemporaryDirectory() as folder:
        for version in track(MODELS, "train four models on scikit-learn's digits and store them", console=console):
            digest = MODELS[version](Path(folder) / version)
            stored[version] = StoredModel(store.put(Path(folder) / version, f"digits/{version}"), version, digest)
    return stored

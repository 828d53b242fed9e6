"""An image from the engine into the cluster's node.

podman can write an image into a folder that keeps the layers of those before it, so only what neither that folder nor
the node has is written and sent: a change of code takes a second, and not as long as all its 500 MB. Docker has no such
way; there kind's own loading does it.
"""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster import cache
from tests.cluster.engine import Engine
from tests.cluster.process import run

CTR = ("ctr", "--namespace", "k8s.io")


def images_in(node: str, engine: Engine) -> list[str]:
    """The names of the images that the node has."""
    return engine("exec", node, *CTR, "images", "list", "--quiet").split()


def load_whole(image: str, cluster: str, kind: Path, engine: Engine) -> None:
    """Load the image with kind, all of it."""
    with engine.archive(image) as archive:
        run([str(kind), "load", "image-archive", str(archive), "--name", cluster], env=engine.env)


def load_what_is_new(image: str, node: str, engine: Engine) -> None:
    """Load the image through a folder of layers in our cache, leaving out those that the node has."""
    layout = cache.root() / "layers"
    there = set(engine("exec", node, *CTR, "content", "list", "--quiet").split())
    with cache.lock("layers"), tempfile.TemporaryDirectory(prefix="contender-") as folder:
        engine("save", "--quiet", "--format=oci-dir", "--uncompressed", f"--output={layout}", image)
        archive = Path(folder) / "new.tar"
        pack(archive, layout, _entry(layout, image), there)
        engine("exec", "--interactive", node, *CTR, "images", "import", "--all-platforms", "-", stdin=archive)


def pack(archive: Path, layout: Path, entry: dict[str, Any], there: set[str]) -> None:
    """An OCI archive of one image without the blobs that are `there`."""
    index = archive.with_name("index.json")
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with tarfile.open(archive, "w") as tar:
        tar.add(layout / "oci-layout", "oci-layout")
        tar.add(index, "index.json")
        for digest in _digests(layout, entry):
            if digest not in there:
                blob = f"blobs/{digest.replace(':', '/')}"
                tar.add(layout / blob, blob)


def _entry(layout: Path, image: str) -> dict[str, Any]:
    """The image's line of the layout's index, with its name where containerd looks for it."""
    manifests: list[dict[str, Any]] = json.loads((layout / "index.json").read_text())["manifests"]
    name = "org.opencontainers.image.ref.name"
    entry = next(each for each in manifests if each.get("annotations", {}).get(name) == image)
    return entry | {"annotations": {"io.containerd.image.name": image}}


def _digests(layout: Path, entry: dict[str, Any]) -> Iterator[str]:
    manifest = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_text())
    yield entry["digest"]
    yield manifest["config"]["digest"]
    yield from (layer["digest"] for layer in manifest["layers"])

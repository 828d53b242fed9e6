"""An image from the engine into the cluster's node.

podman can write an image into a folder that keeps the layers of those before it, so only what neither that folder nor
the node has is written and sent: a change of code takes a second, and not as long as all its 500 MB. Docker has no such
way; there kind's own loading does it.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def load_what_is_new(image: str, node: str, layout: Path, engine: Engine) -> None:
    """Load the image through the OCI layout in the folder `layout`, leaving out the layers that the node has."""
    engine("save", "--quiet", "--format=oci-dir", "--uncompressed", f"--output={layout}", image)
    there = set(engine("exec", node, *CTR, "content", "list", "--quiet").split())
    entry = _entry(layout, image)
    (layout / "entry.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    with tarfile.open(layout / "new.tar", "w") as archive:
        archive.add(layout / "oci-layout", "oci-layout")
        archive.add(layout / "entry.json", "index.json")
        for digest in _digests(layout, entry):
            if digest not in there:
                blob = f"blobs/{digest.replace(':', '/')}"
                archive.add(layout / blob, blob)
    engine("exec", "--interactive", node, *CTR, "images", "import", "--all-platforms", "-", stdin=layout / "new.tar")


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

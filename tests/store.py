"""The model store of the test cluster: a folder on a web server that pods read and this machine writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.cluster import Cluster

NODE_PORT = 30087
INSIDE = "http://store.store.svc"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A bundle in the store, and how a ModelDeployment asks for it."""

    uri: str
    version: str
    digest: str
    format: str | None = None  # only where one is stated
    secret: str | None = None

    @property
    def spec(self) -> dict[str, Any]:
        """`spec.model`."""
        asked = {"uri": self.uri, "version": self.version, "digest": self.digest, "format": self.format}
        secret = {"secretRef": {"name": self.secret}} if self.secret else {}
        return {**{key: value for key, value in asked.items() if value is not None}, **secret}


class Store:
    """Where bundles are put, and the URI under which the cluster's pods find them."""

    def __init__(self, cluster: Cluster) -> None:
        self._outside = f"http://{cluster.address(NODE_PORT)}"

    def uri(self, place: str) -> str:
        return f"{INSIDE}/{place}/"

    def put(self, folder: Path, place: str) -> str:
        """Write each file of `folder` to a place of the store, and return its URI."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put_file(f"{place}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.uri(place)

    def put_file(self, path: str, content: bytes) -> None:
        with urlopen(Request(f"{self._outside}/{path}", data=content, method="PUT"), timeout=30):
            pass

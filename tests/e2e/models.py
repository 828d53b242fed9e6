"""The models of the end-to-end tests, in the cluster's store: good ones and bad ones, and what to ask of them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import yaml

from contender_serving.bundle import MANIFEST, digest_of
from tests import models
from tests.models import FAILING_PIXEL, OTHER_PIXEL
from tests.store import Store, StoredModel

MODEL_FILE = "model.skops"


def requests(shares: Mapping[int, float] | None = None) -> Callable[[int], bytes]:
    """A load's bodies of one row each; `shares` of them, by pixel, make that pixel's failing model raise."""
    bodies = [models.v2_request(row[None]) for row in models.traffic(1000, shares or {})]
    return lambda number: bodies[number % len(bodies)]


@dataclass
class Models:
    """Each is written and stored when a test first asks for it."""

    store: Store
    folder: Path

    @cached_property
    def good_v1(self) -> StoredModel:
        return self._stored("good-v1", models.good_v1)

    @cached_property
    def good_v2(self) -> StoredModel:
        return self._stored("good-v2", models.good_v2)

    @cached_property
    def good_v3(self) -> StoredModel:
        return self._stored("good-v3", lambda path: models.good_v2(path, format="onnx"))

    @cached_property
    def mistaken(self) -> StoredModel:
        """Answers everything, and a quarter of it wrong."""
        return self._stored("mistaken", models.mistaken)

    @cached_property
    def failing_at_times(self) -> StoredModel:
        """Answers 500 where `OTHER_PIXEL` is fully inked."""
        return self._stored("failing-at-times", lambda path: models.failing(path, OTHER_PIXEL, "failing-at-times"))

    @cached_property
    def failing(self) -> StoredModel:
        """Answers 500 where `FAILING_PIXEL` is fully inked."""
        return self._stored("failing", lambda path: models.failing(path, FAILING_PIXEL, "failing"))

    @cached_property
    def refusing(self) -> StoredModel:
        """Answers 400 to what the others take."""
        return self._stored("refusing", models.refusing)

    @cached_property
    def never_ready(self) -> StoredModel:
        return self._stored("never-ready", models.never_ready)

    @cached_property
    def not_there(self) -> StoredModel:
        return replace(self.good_v2, uri=f"{self.good_v2.uri}missing/")

    @cached_property
    def of_another_digest(self) -> StoredModel:
        return replace(self.good_v2, digest="sha256:" + 64 * "0")

    @cached_property
    def said_to_be_onnx(self) -> StoredModel:
        return replace(self.good_v2, format="onnx")

    @cached_property
    def of_an_unknown_format(self) -> StoredModel:
        return self._stored("unknown-format", lambda path: _edited(path, {"format": "tensorflow"}))

    @cached_property
    def too_large(self) -> StoredModel:
        """Says that it has a file of 1 TB, which nobody needs to store to know that no pod can load it."""
        weights = {"path": "weights.bin", "size": 10**12, "sha256": 64 * "0"}
        return self._stored("too-large", lambda path: _edited(path, {}, weights))

    @cached_property
    def truncated(self) -> StoredModel:
        """Its model file has lost its second half."""
        model = self._stored("truncated", models.good_v1)
        content = (self.folder / "truncated" / MODEL_FILE).read_bytes()
        self.store.put_file(f"truncated/{MODEL_FILE}", content[: len(content) // 2])
        return model

    def late(self) -> tuple[StoredModel, Callable[[], object]]:
        """A model that is not in the store yet, and what brings it there."""
        place, folder = f"late-{uuid.uuid4().hex[:8]}", self.folder / "good-v2"
        return replace(self.good_v2, uri=self.store.uri(place)), lambda: self.store.put(folder, place)

    def _stored(self, name: str, write: Callable[[Path], str]) -> StoredModel:
        digest = write(self.folder / name)
        return StoredModel(self.store.put(self.folder / name, name), name, digest)


def _edited(path: Path, changes: Mapping[str, str], *files: Mapping[str, object]) -> str:
    """A good bundle of which contender.yaml was edited by hand; its digest."""
    models.good_v1(path)
    manifest = yaml.safe_load((path / MANIFEST).read_text())
    raw = yaml.safe_dump({**manifest, **changes, "files": [*manifest["files"], *files]}, sort_keys=False).encode()
    (path / MANIFEST).write_bytes(raw)
    return digest_of(raw)

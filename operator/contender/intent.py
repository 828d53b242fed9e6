"""A variant's intent: what the user asked for, carried by each object of the variant, so that any of them can be made
again from another, whatever `spec` has become since."""

import json
from dataclasses import dataclass
from typing import Self

from contender import names
from contender.api import Contestant, Json, ModelDeployment

INTENT = f"{names.GROUP}/intent"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the user asked for, and what the operator first gave it: an operator upgrade restarts nothing."""

    hash: str
    model: Json
    runtime: Json
    serving_image: str
    receipts: bool = False  # its pods get the keys that receipts are sealed with

    @classmethod
    def of(cls, deployment: ModelDeployment, serving_image: str) -> Self:
        """The intent of `spec` as it is now. Receipts come from our own image alone."""
        variant = names.variant_hash(deployment.model, deployment.runtime)
        receipts = "image" not in deployment.runtime
        return cls(variant, deployment.model, deployment.runtime, serving_image, receipts)

    @classmethod
    def read(cls, raw: Json) -> Self:
        """The intent that an object of ours carries. Raises KeyError for an object that carries none."""
        meta = raw["metadata"]
        kept = json.loads(meta["annotations"][INTENT])
        receipts = kept.get("receipts", False)  # variants begun before there were any go on without
        return cls(meta["labels"][names.VARIANT], kept["model"], kept["runtime"], kept["servingImage"], receipts)

    def annotation(self) -> str:
        kept = {"model": dict(self.model), "runtime": dict(self.runtime), "servingImage": self.serving_image}
        receipts = {"receipts": True} if self.receipts else {}
        return json.dumps({**kept, **receipts}, sort_keys=True, separators=(",", ":"))

    @property
    def image(self) -> str:
        """The server's."""
        return str(self.runtime.get("image", self.serving_image))

    @property
    def port(self) -> int:
        return int(self.runtime.get("port", 8080))

    @property
    def contestant(self) -> Contestant:
        return Contestant(self.hash, self.model.get("version"), self.model.get("digest"))

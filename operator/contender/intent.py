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
    """What the user asked for, and the serving image that it was first given: an operator upgrade restarts nothing."""

    hash: str
    model: Json
    runtime: Json
    serving_image: str

    @classmethod
    def of(cls, deployment: ModelDeployment, serving_image: str) -> Self:
        """The intent of `spec` as it is now."""
        variant = names.variant_hash(deployment.model, deployment.runtime)
        return cls(variant, deployment.model, deployment.runtime, serving_image)

    @classmethod
    def read(cls, raw: Json) -> Self:
        """The intent that an object of ours carries. Raises KeyError for an object that carries none."""
        meta = raw["metadata"]
        kept = json.loads(meta["annotations"][INTENT])
        return cls(meta["labels"][names.VARIANT], kept["model"], kept["runtime"], kept["servingImage"])

    def annotation(self) -> str:
        kept = {"model": dict(self.model), "runtime": dict(self.runtime), "servingImage": self.serving_image}
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))

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

"""The seam between protocols and engines: named tensors in, named tensors out. Knows nothing of HTTP."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from contender_serving.tensors import Signature, Tensor


class Predictor(Protocol):
    """A loaded model. Called from one thread at a time."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""

    @property
    def platform(self) -> str:
        """What runs it, as the protocol's metadata names it."""

    @property
    def properties(self) -> Mapping[str, str]:
        """What else a client may want to know of what runs it."""

    @property
    def computes_all(self) -> bool:
        """Whether all outputs take one call, so that to be asked for one more costs next to nothing."""

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        """Answer a batch: `inputs` agree with the signature, `outputs` are names from it. May raise anything."""

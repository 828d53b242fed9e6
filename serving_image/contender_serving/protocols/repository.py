"""The model repository extension of Open Inference Protocol V2, of which a server of one model has the index."""

from typing import Any

import msgspec

from contender_serving.protocols import values


class IndexRequest(msgspec.Struct):
    """The body of a request for the index."""

    ready: bool | None = None  # whether only models that are ready are asked for


_REQUESTS = msgspec.json.Decoder(IndexRequest)


def decode(body: bytes) -> bool:
    """Whether only models that are ready are asked for. Raises `InvalidInput`."""
    return bool(body.strip() and values.read(_REQUESTS, body).ready)


def index(model: str, version: str, *, ready: bool, only_ready: bool) -> list[dict[str, Any]]:
    """The index of a server of this model, which is ready or shutting down."""
    if only_ready and not ready:
        return []
    state, reason = ("READY", "") if ready else ("UNAVAILABLE", "the server is shutting down")
    return [{"name": model, "version": version, "state": state, "reason": reason}]

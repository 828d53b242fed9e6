"""How much a client may send, and how slowly it may send and read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, and seconds. The defaults leave room for every client that means well."""

    body: int  # of a request, as it is sent, and inflated
    line: int = 8 * 1024  # of a request's target
    head: int = 32 * 1024  # of all header fields together
    ahead: int = 64  # requests that a client may send ahead of their answers before it is no longer read
    pace: int = 64 * 1024  # what a client has to send of a request, or read of an answer, in each `patience`
    patience: float = 15
    # Longer than any router keeps an idle connection (Envoy: one hour), so that it is never we who close one in use.
    idle: float = 2 * 3600
    linger: float = 2  # for a client to see that a connection was closed before it is cut
    tick: float = 1  # how often connections are looked at

    @property
    def raw(self) -> int:
        """Of a request as it is sent; a body in chunks of one byte is six times as large."""
        return self.line + self.head + 6 * self.body

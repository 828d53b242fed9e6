"""The seam between connections and what they serve."""

from typing import Protocol

from contender_serving.http.message import Request, Response


class Application(Protocol):
    """Answers requests. Each one that arrived also leaves, whatever becomes of it."""

    def arrived(self, request: Request) -> None:
        """The head of a request is here; its body is not yet."""

    async def answer(self, request: Request) -> Response:
        """Answer a whole request. Awaits nothing but futures, and is cancelled through them if its client goes away."""

    def left(self, request: Request, status: int) -> None:
        """The request was answered with this status, or ended with `CLIENT_GONE`."""

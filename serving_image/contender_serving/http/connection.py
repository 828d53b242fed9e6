"""One client: its requests are answered one at a time and in their order, each as soon as it is whole."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from contender_serving.http.application import Application
from contender_serving.http.limits import Limits
from contender_serving.http.message import CLIENT_GONE, CONTINUE, Refused, Request, Response, head_of
from contender_serving.http.parser import Parser

CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"  # as HTTP/1.0 has to be told


class Server(Protocol):
    """What a connection knows of the server that it belongs to."""

    loop: asyncio.AbstractEventLoop
    date: bytes  # the header line
    draining: bool  # whether clients are to connect anew, which leads elsewhere

    def entered(self, connection: "Connection") -> None:
        """A client has come."""

    def left(self, connection: "Connection") -> None:
        """A client has gone."""


class Connection(asyncio.Protocol):
    """Reads, answers and writes, within the limits."""

    _transport: asyncio.Transport

    def __init__(self, server: Server, application: Application, limits: Limits) -> None:
        self._server, self._application, self._limits = server, application, limits
        self._parser = Parser(self, limits)
        self._incoming: Request | None = None  # its head is here, its body is not
        self._waiting: deque[Request] = deque()  # whole, behind the one that is being answered
        self._current: Request | None = None  # being answered
        self._answer: Coroutine[Any, Any, Response]
        self._awaited: asyncio.Future[Any] | None = None
        self._answered = 0
        self._refusal: Response | None = None  # the last answer, after those before it
        self._inviting = False  # whether the client waits to hear that it may send a body
        self._deaf = False  # nothing more is read
        self._ended = False  # nothing more is written
        self._blocked = False  # the client does not read what was written
        self._throttled = False  # nor is it read
        self._phase: tuple[object, ...] = ()
        self._since = 0.0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = transport  # type: ignore[assignment]  # of a stream
        self._server.entered(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes, cut anywhere."""
        if self._deaf:
            return
        try:
            self._parser.feed(data)
        except Refused as refused:
            self._deaf, self._refusal = True, refused.response
            self._proceed()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._blocked = True
        self._throttle()

    def resume_writing(self) -> None:
        """The client has read."""
        self._blocked = False
        self._throttle()
        self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: what it asked for is not computed any more."""
        del exc
        self._server.left(self)
        self._deaf = self._ended = True
        if self._awaited:
            self._awaited.cancel()
        for request in (self._current, *self._waiting, self._incoming):
            if request:
                self._application.left(request, CLIENT_GONE)
        self._waiting.clear()

    # What the parser calls.

    def head_arrived(self, request: Request) -> None:
        """A request has begun."""
        self._incoming = request
        self._application.arrived(request)

    def body_expected(self) -> None:
        """The client sends the body when it is told to, which is after the answers before it."""
        self._inviting = True
        self._proceed()

    def request_arrived(self, request: Request) -> None:
        """A request is whole."""
        self._incoming, self._inviting = None, False
        if self._current is None and not self._waiting and not self._blocked:
            self._begin(request)
        else:
            self._waiting.append(request)
            self._throttle()

    # Answering.

    def _proceed(self) -> None:
        """Do what is next, unless there is something to wait for."""
        if self._current or self._blocked or self._ended:
            return
        if self._waiting:
            self._begin(self._waiting.popleft())
            self._throttle()
        elif self._refusal:
            self._send(self._incoming, self._refusal, last=True)
            self._incoming = None
        elif self._inviting:
            self._inviting = False
            self._transport.write(CONTINUE)

    def _begin(self, request: Request) -> None:
        self._current = request
        self._answer = self._application.answer(request)
        self._step()

    def _step(self) -> None:
        """Run the answer's coroutine on: a task would do, at some microseconds a request."""
        try:
            self._awaited = self._answer.send(None)
        except StopIteration as end:
            self._awaited = None
            self._reply(end.value)
        except asyncio.CancelledError:
            self._awaited = self._current = None  # the client is gone
        else:
            self._awaited.add_done_callback(self._resume)

    def _resume(self, _: asyncio.Future[Any]) -> None:
        self._step()

    def _reply(self, response: Response) -> None:
        request, self._current = self._current, None
        if request is None or self._ended:
            return
        more = self._waiting or self._incoming or self._refusal
        self._send(request, response, last=not request.keep_alive or (self._server.draining and not more))
        if self._waiting or self._refusal or self._inviting:
            self._server.loop.call_soon(self._proceed)  # not at once: other clients have their turn

    def _send(self, request: Request | None, response: Response, *, last: bool) -> None:
        general = self._server.date
        if last:
            general += CLOSE
        elif request and not request.http11:
            general += KEEP_ALIVE
        head = head_of(response, general)
        self._transport.write(head if request and request.method == "HEAD" else head + response.body)
        self._answered += 1
        if request:
            self._application.left(request, response.status)
        if last:
            self._end()

    # Waiting, and no longer waiting.

    def _throttle(self) -> None:
        """Read from the client only as long as it takes its answers."""
        throttled = self._blocked or len(self._waiting) > self._limits.ahead
        if throttled != self._throttled and not self._transport.is_closing():
            self._throttled = throttled
            (self._transport.pause_reading if throttled else self._transport.resume_reading)()

    def finish(self) -> None:
        """Close as soon as nothing is under way."""
        if not (self._current or self._waiting or self._refusal or self._parser.receiving or self._ended):
            self._end()

    def check(self, now: float) -> None:
        """Close if the client has kept us waiting for too long. To be called now and then, with a clock's seconds."""
        phase, patience = self._waits()
        if phase != self._phase:
            self._phase, self._since = phase, now
        elif now - self._since >= patience:
            self._give_up()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _end(self) -> None:
        """Close our side; the client's last bytes are still read, for unread ones would take the answer with them."""
        self._deaf = self._ended = True
        self._transport.write_eof()

    def _waits(self) -> tuple[tuple[object, ...], float]:
        """What is being waited for, which changes when there is progress, and for how long at most."""
        limits, parser, unsent = self._limits, self._parser, self._transport.get_write_buffer_size()
        if unsent:
            return ("to send", self._answered, unsent // limits.pace), limits.patience
        if self._ended:
            return ("to end",), limits.linger
        if self._current or self._waiting:
            return ("for the application",), float("inf")
        if parser.receiving:
            return ("to receive", parser.messages, parser.received // limits.pace), limits.patience
        return ("for a request", parser.messages), limits.idle

    def _give_up(self) -> None:
        if self._phase[0] == "to receive":
            self._deaf, self._refusal = True, Refused(408, "the request did not arrive in time; send it again").response
            self._proceed()
        elif self._phase[0] == "for a request":
            self._end()
        else:
            self._transport.abort()

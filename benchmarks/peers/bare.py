"""The limit: a bare event loop with the parser that we use too. It computes nothing and answers a constant."""

import asyncio
import os
from typing import cast

import httptools
import uvloop

BODY = b'{"model_name":"model","outputs":[{"name":"predict","datatype":"INT64","shape":[1],"data":[1]}]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Constant(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to parse."""
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """A request is whole: answer."""
        self._transport.write(ANSWER)


async def serve() -> None:
    """Serve until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", int(os.environ["BENCH_PORT"]))
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())

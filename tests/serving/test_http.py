"""HTTP as RFC 9112 has it, byte by byte: order, framing, limits, and clients that are slow, wrong or hostile."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.serving.wire import LARGE, PATIENT, SMALL, Client, Running, running, until

HOST = b"Host: x\r\n"
GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    async with running(PATIENT) as started:
        yield started


@pytest.fixture
async def strict() -> AsyncIterator[Running]:
    """A server that loses its patience soon."""
    async with running(SMALL) as started:
        yield started


def post(body: bytes, fields: bytes = b"", path: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, fields, len(body), body)


async def test_pipelined_requests_are_answered_in_their_order(server: Running) -> None:
    client = await server.client(GET % b"slow" + GET % b"1" + post(b"two") + GET % b"3?a=b")
    await until(lambda: server.application.open == 4)

    server.application.gate.set_result(None)
    answers = [(await client.answer())[2] for _ in range(4)]

    assert [answer["path"] for answer in answers] == ["/slow", "/1", "/", "/3"]
    assert (answers[2]["body"], answers[3]["query"]) == ("two", "a=b")


async def test_a_request_may_come_byte_by_byte(server: Running) -> None:
    client = await server.client()

    for byte in post(b"body", b"Expect: 100-continue\r\n"):
        await client.send(bytes([byte]))
        await asyncio.sleep(0)

    assert (await client.head())[0] == 100
    assert (await client.answer())[2]["body"] == "body"


async def test_a_client_that_asks_is_told_to_send_its_body(server: Running) -> None:
    client = await server.client(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")

    assert (await client.head())[0] == 100
    await client.send(b"body")
    assert (await client.answer())[2]["body"] == "body"


async def test_it_is_told_so_after_the_answers_before(server: Running) -> None:
    client = await server.client(
        GET % b"slow" + b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    )
    await until(lambda: server.application.open == 2)

    server.application.gate.set_result(None)

    assert (await client.answer())[2]["path"] == "/slow"
    assert (await client.head())[0] == 100
    await client.send(b"b")
    assert (await client.answer())[2]["body"] == "b"


@pytest.mark.parametrize(
    ("fields", "status"),
    [(b"Expect: 100-continue\r\nContent-Length: 2001\r\n", 413), (b"Expect: a miracle\r\nContent-Length: 1\r\n", 417)],
)
async def test_a_client_that_asks_in_vain_is_told_at_once(server: Running, fields: bytes, status: int) -> None:
    client = await server.client(b"POST / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")

    assert (await client.answer())[0] == status
    assert await client.ended()


async def test_chunked_bodies_are_read_with_extensions_and_trailers(server: Running) -> None:
    chunks = b'3;a="b"\r\none\r\n4\r\ntwo \r\n0\r\nHost: evil\r\n\r\n'
    client = await server.client(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks + GET % b"next"
    )

    assert (await client.answer())[2]["body"] == "onetwo "
    assert (await client.answer())[2]["path"] == "/next"


@pytest.mark.parametrize(
    ("request_line", "fields", "kept"),
    [
        (b"GET / HTTP/1.1", b"Host: x\r\n", None),
        (b"GET / HTTP/1.1", b"Host: x\r\nConnection: close\r\n", "close"),
        (b"GET / HTTP/1.0", b"", "close"),
        (b"GET / HTTP/1.0", b"Connection: keep-alive\r\n", "keep-alive"),
    ],
)
async def test_a_connection_stays_as_the_client_wants(
    server: Running, request_line: bytes, fields: bytes, kept: str | None
) -> None:
    client = await server.client(request_line + b"\r\n" + fields + b"\r\n")

    status, answered, _ = await client.answer()

    assert (status, answered.get("connection")) == (200, kept)
    if kept == "close":
        assert await client.ended()
    else:
        await client.send(GET % b"again")
        assert (await client.answer())[2]["path"] == "/again"


async def test_head_is_get_without_the_body(server: Running) -> None:
    client = await server.client(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + GET % b"b")

    status, fields = await client.head()

    assert (status, int(fields["content-length"]) > 10) == (200, True)
    assert (await client.answer())[2]["path"] == "/b"


@pytest.mark.parametrize("body", [b"", b"body"])
async def test_an_offer_of_another_protocol_is_passed_over(server: Running, body: bytes) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"

    client = await server.client(post(body, offer) + post(b"next", offer) + GET % b"last")

    assert [(await client.answer())[2]["body"] for _ in range(3)] == [body.decode(), "next", ""]


async def test_a_url_as_proxies_are_sent_is_a_path(server: Running) -> None:
    client = await server.client(b"GET http://x/a%20b?c HTTP/1.1\r\nHost: x\r\n\r\n")

    answer = (await client.answer())[2]

    assert (answer["path"], answer["query"]) == ("/a%20b", "c")


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(b"Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="CL and TE"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n0\r\n\r\n", id="TE and CL"),
        pytest.param(b"Content-Length: 0\r\nContent-Length: 30\r\n\r\n", id="two lengths"),
        pytest.param(b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", id="the same length twice"),
        pytest.param(b"Content-Length: 4, 4\r\n\r\nbody", id="a list of lengths"),
        pytest.param(b"Content-Length: +4\r\n\r\nbody", id="a signed length"),
        pytest.param(b"Content-Length: 0x4\r\n\r\nbody", id="a hexadecimal length"),
        pytest.param(b"Content-Length: 18446744073709551620\r\n\r\nbody", id="a length that overflows"),
        pytest.param(b"Content-Length : 4\r\n\r\nbody", id="a space before the colon"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked is not last"),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked twice"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="another encoding"),
        pytest.param(b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", id="a vertical tab"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n4\nbody\r\n0\r\n\r\n", id="a bare LF after a chunk's size"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n4;a\nbody\r\n0\r\n\r\n", id="a bare LF in an extension"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n3\r\nbody\r\n0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", id="a chunk that overflows"),
        pytest.param(b"A: b\nContent-Length: 0\r\n\r\n", id="a bare LF between fields"),
        pytest.param(b"A: b\rContent-Length: 0\r\n\r\n", id="a bare CR between fields"),
        pytest.param(b"A: b\r\n\n", id="a bare LF at the end"),
        pytest.param(b"A: b\r\n c\r\n\r\n", id="a folded field"),
        pytest.param(b"A: b\0c\r\n\r\n", id="a NUL"),
        pytest.param(b"Host: y\r\n\r\n", id="two hosts"),
    ],
)
async def test_what_two_servers_could_read_differently_is_refused(server: Running, attack: bytes) -> None:
    client = await server.client(b"POST / HTTP/1.1\r\nHost: x\r\n" + attack + GET % b"smuggled")

    status, fields, body = await client.answer()

    assert status in (400, 501)
    assert list(body) == ["error"]
    assert fields["connection"] == "close"
    assert await client.ended()
    assert server.application.paths == [], "neither it nor what it carried is answered"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="chunked in HTTP/1.0"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, id="compressed in transfer"
        ),
        pytest.param(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, id="HTTP/2.0"),
        pytest.param(b"GET /\r\n\r\n", 505, id="HTTP/0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2 at once"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(b"hello\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, id="no URL"),
        pytest.param(b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, id="a long path"),
        pytest.param(b"GET /" + b"a" * 9000, 414, id="a path without end"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 1000 + b"\r\n\r\n", 431, id="a long field"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 600 + b"\r\n", 431, id="many fields"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n", 413, id="a long body"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 2001,
            413,
            id="many chunks",
        ),
    ],
)
async def test_what_is_not_served_is_refused(server: Running, sent: bytes, status: int) -> None:
    client = await server.client(sent)

    assert (await client.answer())[0] == status
    assert await client.ended()
    assert server.application.paths == []


@pytest.mark.parametrize(
    ("begin", "more", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nA: ", b"a" * 100, 431, id="a field without end"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            b"a" * 1000,
            413,
            id="an extension without end",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"A: a\r\n" * 100,
            413,
            id="trailers without end",
        ),
    ],
)
async def test_what_has_no_end_is_cut_off(server: Running, begin: bytes, more: bytes, status: int) -> None:
    client = await server.client(begin)
    sending = asyncio.create_task(_send_on(client, more))

    assert (await client.answer())[0] == status
    sending.cancel()


async def _send_on(client: Client, more: bytes) -> None:
    while True:
        await client.send(more)
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"GET / HTTP/1.1\r\nA: ", id="head"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", id="body"),
    ],
)
async def test_a_client_that_sends_too_slowly_is_given_up(strict: Running, begin: bytes) -> None:
    client = await strict.client(begin)
    dripping = asyncio.create_task(_send_on(client, b"a"))

    status, fields, _ = await client.answer()
    dripping.cancel()

    assert (status, fields["connection"]) == (408, "close")
    assert strict.application.open == 0


async def test_an_idle_connection_is_closed_but_not_at_once(strict: Running) -> None:
    client = await strict.client(GET % b"1")
    await client.answer()
    await client.send(GET % b"2")
    await client.answer()

    assert await client.ended()


async def test_a_request_that_is_being_answered_may_take_its_time(strict: Running) -> None:
    client = await strict.client(GET % b"slow")
    await asyncio.sleep(SMALL.idle + 0.2)

    strict.application.gate.set_result(None)

    assert (await client.answer())[0] == 200


async def test_a_client_that_does_not_read_is_not_read_either_and_given_up(strict: Running) -> None:
    client = await strict.client(GET % b"large" * 50)

    await until(lambda: strict.application.left_with[499] > 0)

    assert len(strict.application.paths) < 10, "no more is answered than a client takes"
    assert strict.application.open == 0
    client.close()


async def test_a_large_answer_arrives_whole(server: Running) -> None:
    client = await server.client(GET % b"large" + GET % b"next")

    assert len((await client.answer())[2]) == LARGE
    assert (await client.answer())[2]["path"] == "/next"


async def test_a_client_that_sends_far_ahead_is_not_read_meanwhile(server: Running) -> None:
    client = await server.client(GET % b"slow")
    for number in range(40):  # one by one: what arrives at once is read at once
        await client.send(GET % b"%d" % number)
        await asyncio.sleep(0.002)

    assert server.application.open < 40
    server.application.gate.set_result(None)
    paths = [(await client.answer())[2]["path"] for _ in range(41)]
    assert paths == ["/slow", *(f"/{number}" for number in range(40))]


async def test_what_a_client_asked_for_is_not_answered_once_it_is_gone(server: Running) -> None:
    client = await server.client(
        GET % b"slow" + GET % b"next" + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    )
    await until(lambda: server.application.open == 3)

    client.close()
    await until(lambda: server.application.open == 0)

    assert server.application.left_with == {499: 3}
    assert server.application.paths == ["/slow"]


async def test_a_server_that_closes_answers_what_it_has_and_lets_the_others_go(server: Running) -> None:
    idle, busy = await server.client(GET % b"1"), await server.client(GET % b"slow" + GET % b"2")
    await idle.answer()
    await until(lambda: "/slow" in server.application.paths)

    closing = asyncio.create_task(server.listener.close(patience=20))
    assert await idle.ended()
    idle.close()
    server.application.gate.set_result(None)
    answers = [await busy.answer(), await busy.answer()]
    busy.close()
    await closing

    assert [body["path"] for _, _, body in answers] == ["/slow", "/2"]
    assert [fields.get("connection") for _, fields, _ in answers] == [None, "close"]

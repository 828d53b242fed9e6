"""What must hold for whatever arrives, as properties; `test_fuzz` tries each for seconds, `make fuzz` for minutes.

python -m tests.serving.fuzzing 600
"""

import gc
import json
import resource
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from contender_serving.http import Limits, Refused, Request
from contender_serving.http.inflate import inflated
from contender_serving.http.parser import Parser
from contender_serving.protocols import agreement, v2, v2_fast
from contender_serving.rejections import InvalidInput
from contender_serving.tensors import Signature, TensorSpec

LIMITS = Limits(body=64, line=256, head=4096)  # the head's is checked from packet to packet
GROWTH = 32 * 1024  # kB that a process may grow by in ten minutes of anything
SIGNATURE = Signature(
    (TensorSpec("a", "FP64", (-1, 2), nullable=True), TensorSpec("b", "FP32", (-1,))), (TensorSpec("y", "FP64", (-1,)),)
)
ONE = {
    datatype: Signature((TensorSpec("a", datatype, (-1, 2)),), SIGNATURE.outputs)
    for datatype in ("FP64", "FP32", "INT64", "INT8", "UINT8", "BOOL", "BYTES")
}

# Requests are put together from pieces that mean something, and from others.
PIECES = st.sampled_from(
    [
        *(
            b"GET / HTTP/1.1\r\n",
            b"POST /x?y HTTP/1.1\r\n",
            b"GET / HTTP/1.0\r\n",
            b"HEAD ",
            b"/",
            b" HTTP/1.1",
            b"HTTP/2.0",
        ),
        *(b"Host: x\r\n", b"\r\n", b"\r", b"\n", b"\r\n\r\n", b": ", b" ", b"\t", b"\0", b"\xff", b";", b","),
        *(b"Content-Length: 3\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: "),
        *(b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-continue\r\n"),
        *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"3;x=y\r\n", b"abc", b"ffffffffffffffffff", b"-1", b"0", b"5"),
    ]
)
BYTES = st.lists(PIECES | st.binary(max_size=8), max_size=14).map(b"".join)
CUTS = st.lists(st.integers(1, 200), max_size=8)

NUMBERS = (
    st.integers() | st.floats() | st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-200, 300)
)
SCALARS = NUMBERS | st.none() | st.booleans() | st.text(max_size=3)
DATA = (
    st.lists(NUMBERS, max_size=6)
    | st.lists(SCALARS, max_size=4)
    | st.recursive(SCALARS, lambda x: st.lists(x, max_size=3))
)
DATATYPES = st.sampled_from([*ONE, "FP16", "UINT64", "INT32", "X"])


def tensors(datatypes: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs that are nearly right."""
    plain = {
        "name": st.sampled_from(["a", "a", "a", "b", "c"]),
        "shape": st.sampled_from([[1, 2], [2, 2], [3], [1], [2], [0, 2], [-1, 2], [2**40, 2]]),
        "datatype": datatypes,
        "data": DATA,
    }
    return st.fixed_dictionaries(
        plain, optional={"parameters": st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)}
    )


BODIES = st.fixed_dictionaries(
    {"inputs": st.lists(tensors(DATATYPES), max_size=3)},
    optional={
        "id": st.text(max_size=3) | st.none(),
        "outputs": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["y", "y", "z"])}), max_size=2),
        "parameters": st.dictionaries(st.sampled_from(["binary_data_output", "x"]), SCALARS, max_size=2),
    },
)


class Log:
    """What a parser told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def head_arrived(self, request: Request) -> None:
        self.told.append((request.method, request.path, request.query, dict(request.headers), request.keep_alive))

    def body_expected(self) -> None:
        self.told.append("a body is expected")

    def request_arrived(self, request: Request) -> None:
        self.told.append(request.body)


def told(data: bytes, cuts: list[int]) -> list[object]:
    """What a parser tells of bytes that arrive in pieces."""
    log = Log()
    parser = Parser(log, LIMITS)
    try:
        for cut in cuts:
            parser.feed(data[:cut])
            data = data[cut:]
        parser.feed(data)
    except Refused as refused:
        log.told.append(refused.response.status)
    return log.told


def parsing_does_not_depend_on_how_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    """The same requests and the same refusal, whatever the packets were."""
    assert told(data, cuts) == told(data, [1] * len(data))


def a_body_is_answered_or_refused(body: bytes) -> None:
    """No other exception than the one that says what to send instead."""
    for signature in (SIGNATURE, *ONE.values()):
        with suppress(InvalidInput):
            v2.decode(body, signature)


def the_quick_way_reads_what_the_thorough_way_reads(body: bytes, datatype: str) -> None:
    """Or leaves it to that one."""
    for signature in (ONE[datatype], SIGNATURE):
        quick = v2_fast.read(body, signature)
        if quick is not None:
            request = v2.read(body)
            pairs = zip(signature.inputs, request.inputs, strict=True)
            thorough = {spec.name: v2.tensor(sent, spec) for spec, sent in pairs}
            assert (quick[0].id, list(quick[1])) == (request.id, list(thorough))
            agreement.check_batch(thorough)
            for name, tensor in quick[1].items():
                assert tensor.dtype == thorough[name].dtype
                np.testing.assert_array_equal(tensor, thorough[name])


def inflating_never_gives_more_than_the_limit(body: bytes, coding: str) -> None:
    """Whatever was compressed, and with what end."""
    request = Request("POST", "/", "", {b"content-encoding": coding.encode()}, body)
    with suppress(Refused):
        assert len(inflated(request, 1000)) <= 1000


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _compressed(size: int, damage: bytes) -> bytes:
    return zlib.compress(b"a" * size) + damage


MUTATED = st.tuples(BODIES.map(_json), st.integers(0, 200), st.binary(max_size=4)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :]
)
SINGLE = st.sampled_from(list(ONE)).flatmap(
    lambda datatype: st.tuples(
        st.fixed_dictionaries({"inputs": tensors(st.just(datatype)).map(lambda tensor: [tensor | {"name": "a"}])}).map(
            _json
        ),
        st.just(datatype),
    )
)
PROPERTIES: dict[str, tuple[Callable[..., None], st.SearchStrategy[tuple[Any, ...]]]] = {
    "parser": (parsing_does_not_depend_on_how_bytes_are_cut, st.tuples(BYTES, CUTS)),
    "bodies": (a_body_is_answered_or_refused, st.tuples(BODIES.map(_json) | MUTATED | st.binary(max_size=40))),
    "quick": (the_quick_way_reads_what_the_thorough_way_reads, SINGLE | st.tuples(MUTATED, st.sampled_from(list(ONE)))),
    "inflating": (
        inflating_never_gives_more_than_the_limit,
        st.tuples(
            st.builds(_compressed, st.integers(0, 3000), st.binary(max_size=3)) | st.binary(max_size=40),
            st.sampled_from(["gzip", "deflate"]),
        ),
    ),
}


def try_out(name: str, examples: int, start: int | None = None) -> None:
    """Look for examples for which a property does not hold."""
    holds, arguments = PROPERTIES[name]
    chosen = settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate, Phase.shrink])
    test = chosen(given(arguments)(lambda drawn: holds(*drawn)))
    (seed(start)(test) if start is not None else test)()


def main(seconds: float) -> None:
    """Try all properties in turn, each time with other examples; the process must not grow."""
    began, rounds, grown = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds:
        for name in PROPERTIES:
            try_out(name, 1000, start=rounds)
        rounds += 1
        gc.collect()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown = memory if rounds <= 3 else grown
        assert memory - grown < GROWTH, f"the process grew by {memory - grown} kB"
        print(f"{time.monotonic() - began:5.0f} s, {rounds * 1000 * len(PROPERTIES):7} examples, {memory // 1024} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""Compressed request bodies, which must not grow beyond what a plain one may be."""

import zlib

from contender_serving.http.message import Refused, Request

GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
CODINGS = (b"gzip", b"x-gzip", b"deflate")


def inflated(request: Request, limit: int) -> bytes:
    """The body as it was before its Content-Encoding. Raises `Refused`."""
    coding = request.headers.get(b"content-encoding", b"identity").lower()
    if coding == b"identity":
        return request.body
    if coding not in CODINGS:
        raise Refused(415, "compress with gzip or deflate, or not at all", (b"accept-encoding", b"gzip, deflate"))
    return _inflate(request.body, limit)


def _inflate(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Refused(400, "the body is not what its Content-Encoding says") from None
    if len(plain) > limit:
        raise Refused(413, f"the inflated body is larger than {limit} bytes; send fewer rows at once")
    if not inflater.eof or inflater.unused_data:
        raise Refused(400, "the body is not one whole stream of its Content-Encoding")
    return plain

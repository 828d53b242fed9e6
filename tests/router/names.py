"""The cluster's DNS on loopback: A records, with a TTL that nobody should wait for."""

import asyncio
import struct
from typing import Any, cast

TTL = 30
ADDRESS_RECORD = 1
NO_SUCH_NAME = 3
HEADER_BYTES = 12


class Names(asyncio.DatagramProtocol):
    """Answers from `hosts`, name -> addresses. A name that is not in there does not exist."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[str]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        end = data.index(b"\0", HEADER_BYTES)
        question = data[HEADER_BYTES : end + 5]
        name, kind = _name(data[HEADER_BYTES:end]), struct.unpack("!H", data[end + 1 : end + 3])[0]
        hosts = self.hosts.get(name, []) if kind == ADDRESS_RECORD else []
        code = 0 if name in self.hosts else NO_SUCH_NAME
        header = data[:2] + struct.pack("!5H", 0x8580 | code, 1, len(hosts), 0, 0)
        self.transport.sendto(header + question + b"".join(map(_record, hosts)), addr)


def _name(wire: bytes) -> str:
    labels = []
    while wire:
        labels.append(wire[1 : wire[0] + 1].decode().lower())
        wire = wire[wire[0] + 1 :]
    return ".".join(labels)


def _record(host: str) -> bytes:
    return struct.pack("!HHHLH4B", 0xC00C, ADDRESS_RECORD, 1, TTL, 4, *map(int, host.split(".")))

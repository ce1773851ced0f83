"""Between the transport and a connection: how much is read at once, and into which memory.

The transport would read as much as there is, for every connection alike. Here a connection that waits for a head, or
has not asked for its body yet, is read from in small pieces; so what a thousand strangers can make us hold is a
thousand small pieces. All connections of a loop are read into the same memory, since a piece is parsed before the next
is read.
"""

import asyncio

from holdfast.model.limits import KIB
from holdfast.server.protocol import HoldfastProtocol

HEAD_READ_BYTES = 16 * KIB
BODY_READ_BYTES = 256 * KIB


class ReadMemory:
    """What the connections of one event loop are read into."""

    def __init__(self) -> None:
        self.body = memoryview(bytearray(BODY_READ_BYTES))
        self.head = self.body[:HEAD_READ_BYTES]


class Intake(asyncio.BufferedProtocol):
    """Hands everything on to `connection`."""

    def __init__(self, connection: HoldfastProtocol, memory: ReadMemory) -> None:
        self._connection = connection
        self._memory = memory
        self.connection_lost = connection.connection_lost  # type: ignore[method-assign]
        self.eof_received = connection.eof_received  # type: ignore[method-assign]
        self.pause_writing = connection.pause_writing  # type: ignore[method-assign]
        self.resume_writing = connection.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection.connection_made(transport)  # type: ignore[arg-type]

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - we know better
        self._piece = self._memory.body if self._connection.wants_much else self._memory.head
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(self._piece[:nbytes])

"""A bad network between two programs: a TCP proxy on the loopback that can be told to be late, slow, cut or mute.

It runs in a thread of the program that uses it; told a new mode, it returns when that mode is in force. Bytes are never
changed, put out of order or left out of a connection that goes on: one that lost bytes is reset when the mode ends.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self

from scripts.servers.ports import free_port

_BUFFER = 256 << 10
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends a reset


@dataclass(frozen=True, slots=True)
class _Mode:
    delay: float = 0.0
    rate: float = 0.0
    """Bytes a second, of all connections together; 0 is without limit."""
    refuses: bool = False
    mute: bool = False


_PASS, _CUT, _HALF_OPEN = _Mode(), _Mode(refuses=True), _Mode(mute=True)


class FaultProxy:
    """Listens on `port` and passes on to `target_port`; both are on the loopback."""

    def __init__(self, target_port: int, port: int | None = None) -> None:
        self.target_port = target_port
        self.port = port or free_port()
        self.connections = 0
        """How many were accepted since the start."""
        self.bytes_up = 0
        """Bytes passed on from clients to the target."""
        self.bytes_down = 0
        self._mode = _PASS
        self._left: int | None = None
        self._after_cut = _CUT
        self._falling: asyncio.Task[None] | None = None
        self._link_free_at = 0.0
        self._open: dict[asyncio.Task[None], _Connection] = {}
        self._door: socket.socket | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.pass_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def pass_all(self) -> None:
        """Be a good network again."""
        self._do(self._enter(_PASS))

    def delay(self, seconds: float) -> None:
        """Let everything be late by `seconds` in each direction, as on a link that carries 256 KiB at a time."""
        self._do(self._enter(_Mode(delay=seconds)))

    def slow(self, bytes_per_second: float) -> None:
        """Pass on no more than this, both directions of all connections together."""
        self._do(self._enter(_Mode(rate=bytes_per_second)))

    def reset(self) -> None:
        """Reset every connection, and be a good network to new ones."""
        self._do(self._enter(_PASS, resets=True))

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._do(self._enter(_CUT))

    def cut_after(self, count: int, *, stays: bool = True) -> None:
        """Pass on `count` more bytes of either direction, then cut; unless it `stays`, new connections are served."""
        self._do(self._enter(_PASS, count, _CUT if stays else _PASS))

    def half_open(self) -> None:
        """Accept and swallow everything and answer nothing, also on the connections there are."""
        self._do(self._enter(_HALF_OPEN))

    @property
    def open_connections(self) -> int:
        """How many there are now."""
        return len(self._open)

    def _do(self, change: Coroutine[Any, Any, None]) -> None:
        async def in_turn() -> None:
            if self._falling is not None:
                await asyncio.wait([self._falling])
            await change

        asyncio.run_coroutine_threadsafe(in_turn(), self._loop).result()

    async def _enter(
        self, mode: _Mode, left: int | None = None, after_cut: _Mode = _CUT, *, resets: bool = False
    ) -> None:
        self._mode, self._left, self._after_cut = mode, left, after_cut
        self._link_free_at = 0.0
        if mode.refuses and self._door is not None:
            self._loop.remove_reader(self._door)
            self._door.close()
            self._door = None
        if not mode.refuses and self._door is None:
            self._door = socket.create_server(("127.0.0.1", self.port), backlog=1024)
            self._door.setblocking(False)
            self._loop.add_reader(self._door, self._accept, self._door)
        all_end = resets or mode.refuses
        ended = [task for task, one in self._open.items() if all_end or (one.lost and not mode.mute)]
        for task in ended:
            task.cancel()  # all of them before anybody runs again: not a byte passes after this
        if ended:
            await asyncio.wait(ended)

    def _accept(self, door: socket.socket) -> None:
        try:
            client, _ = door.accept()
        except OSError:  # whoever knocked is gone again
            return
        self.connections += 1
        connection = _Connection(client)
        task = self._loop.create_task(self._serve(connection))
        self._open[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task).close()
        if not task.cancelled():
            task.exception()  # a network's errors are its business: both ends were told by a reset

    async def _serve(self, connection: "_Connection") -> None:
        connection.lost = self._mode.mute
        if not connection.lost:
            await self._loop.sock_connect(connection.target, ("127.0.0.1", self.target_port))
        up = self._loop.create_task(self._pump(connection, connection.client, connection.target, up=True))
        if connection.lost:
            await _all_or_none(up)
            return
        down = self._loop.create_task(self._pump(connection, connection.target, connection.client, up=False))
        await _all_or_none(up, down)
        connection.clean = True

    async def _pump(self, connection: "_Connection", source: socket.socket, sink: socket.socket, *, up: bool) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        while True:
            count = await self._loop.sock_recv_into(source, buffer)
            if self._mode.delay:
                await asyncio.sleep(self._mode.delay)
            if self._mode.mute or connection.lost:
                connection.lost = True
                if count == 0:
                    await self._loop.create_future()  # until the mode ends, which resets the connection
            elif count == 0:
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            else:
                await self._send(connection, sink, buffer[:count], up=up)

    async def _send(self, connection: "_Connection", sink: socket.socket, data: memoryview, *, up: bool) -> None:
        while data:
            if self._left == 0:
                await self._fall()
            part = data
            if rate := self._mode.rate:
                part = data[: max(1, min(len(data), int(rate / 20)))]
                self._link_free_at = max(self._loop.time(), self._link_free_at) + len(part) / rate
                await asyncio.sleep(self._link_free_at - self._loop.time())
            if self._mode.mute:
                connection.lost = True
                return
            if self._left is not None:
                part = part[: self._left]
                self._left -= len(part)
            if up:
                self.bytes_up += len(part)
            else:
                self.bytes_down += len(part)
            await self._loop.sock_sendall(sink, part)
            data = data[len(part) :]
        if self._left == 0:
            await self._fall()

    async def _fall(self) -> None:
        """The bytes that were left are used up: cut, from a task that is not itself cut."""

        async def cut(then: _Mode) -> None:
            await self._enter(then, resets=True)
            self._falling = None

        if self._falling is None:
            self._falling = self._loop.create_task(cut(self._after_cut))
        await self._loop.create_future()


class _Connection:
    """A client's connection and ours to the target."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.target = socket.socket()
        self.lost = False
        """Bytes of it were swallowed."""
        self.clean = False
        """Both directions came to their end in order."""
        for end in (self.client, self.target):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        for end in (self.client, self.target):
            if not self.clean:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()


async def _all_or_none(*tasks: asyncio.Task[None]) -> None:
    """Wait for all; when one fails or we are cancelled, none goes on."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

"""One connection to the service: sends a request, brings its answer, knows whether it may be used again.

What always holds: an answer that comes before the body was sent ends the sending (contract 3.12); a connection whose
framing is in any doubt is never used again; bodies are sent from the buffers they are in.
"""

import select
import socket
from collections.abc import Sequence
from dataclasses import replace

from holdfast.client.reply_reader import ReplyReader, Unanswered
from holdfast.client.transport import ClientReply
from holdfast.model.errors import Transient
from holdfast.wire.message import Buffer

CONTINUE_SECONDS_MAX = 1.0
_GATHER_BUFFERS_MAX = 256
_TLS_JOIN_BYTES_MAX = 64 * 1024


class Connection:
    """A connected socket (TLS or plain) with its reading half. For one thread at a time."""

    def __init__(self, sock: socket.socket, idle_seconds_max: float) -> None:
        self._socket = sock
        self._idle_seconds_max = idle_seconds_max
        self._reader = ReplyReader(sock, idle_seconds_max)
        self._gathers = type(sock) is socket.socket
        self._watch = select.poll()
        self._watch.register(sock, select.POLLIN)
        sock.settimeout(idle_seconds_max)

    @property
    def reusable(self) -> bool:
        """True if the last exchange left the connection at the border between two requests."""
        return self._reader.reusable

    def is_stale(self) -> bool:
        """True if an idle connection has been closed by the other side, or holds bytes that nobody asked for."""
        return bool(self._watch.poll(0))

    def close(self) -> None:
        self._socket.close()

    def exchange(self, head: bytes, body: Sequence[Buffer], expect: bool) -> ClientReply:
        """Send and receive. Raises Unanswered (may be sent again) or Transient (who knows)."""
        self._reader.expect_answer()
        try:
            return self._expecting(head, body) if expect else self._sending([head, *body])
        except TimeoutError as silent:
            self._reader.reusable = False
            raise Transient(f"no answer within {self._idle_seconds_max:g} seconds") from silent
        except OSError as broken:
            self._reader.reusable = False
            kind = Transient if self._reader.begun else Unanswered
            raise kind(f"the connection broke: {broken}") from broken

    def _sending(self, parts: Sequence[Buffer]) -> ClientReply:
        try:
            self._send(parts)
        except TimeoutError:
            raise
        except OSError as broken:
            # The server may have answered early (an error, mostly) and closed: its answer is worth more than ours.
            self._reader.reusable = False
            try:
                return self._final()
            except (OSError, Transient):
                raise broken from None
        return self._final()

    def _expecting(self, head: bytes, body: Sequence[Buffer]) -> ClientReply:
        self._send([head])
        self._socket.settimeout(CONTINUE_SECONDS_MAX)
        try:
            reply = self._reader.read()
        except TimeoutError:
            # A server that knows nothing of Expect waits for the body; it may still send a late 100.
            return self._after_silence(body)
        finally:
            self._socket.settimeout(self._idle_seconds_max)
        if reply.status >= 200:
            # The body never travels. The next bytes on this connection would be taken for it, so this was its last use.
            self._reader.reusable = False
            return replace(reply, body_sent=False)
        return self._sending(body)

    def _after_silence(self, body: Sequence[Buffer]) -> ClientReply:
        self._socket.settimeout(self._idle_seconds_max)
        return self._sending(body)

    def _final(self) -> ClientReply:
        while True:
            reply = self._reader.read()
            if reply.status >= 200:
                return reply

    def _send(self, parts: Sequence[Buffer]) -> None:
        if self._gathers:
            self._send_gathered(parts)
            return
        # TLS copies into records anyway; small parts share one.
        if sum(len(part) for part in parts) <= _TLS_JOIN_BYTES_MAX:
            self._socket.sendall(b"".join(parts))
            return
        for part in parts:
            if len(part):
                self._socket.sendall(part)

    def _send_gathered(self, parts: Sequence[Buffer]) -> None:
        waiting: Sequence[Buffer] = parts
        while waiting:
            sent = self._socket.sendmsg(waiting[:_GATHER_BUFFERS_MAX])
            waiting = _unsent(waiting, sent)


def _unsent(parts: Sequence[Buffer], sent: int) -> Sequence[Buffer]:
    for position, part in enumerate(parts):
        if sent < len(part):
            return [memoryview(part)[sent:], *parts[position + 1 :]]
        sent -= len(part)
    return ()

"""A relay between a client and the service that counts, or cuts, what the client sends."""

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Listens on a port of its own and passes everything on; remembers every byte on its way to the service."""

    def __init__(self, service_url: str, *, cut_after_bytes: int | None = None) -> None:
        """With `cut_after_bytes`, a connection's way to the service ends there, as if the client had broken off."""
        target = urlsplit(service_url)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._cut_after_bytes = cut_after_bytes
        self._sent = bytearray()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def forget(self) -> None:
        """Start counting anew."""
        self._sent.clear()

    @property
    def sent_bytes(self) -> int:
        return len(self._sent)

    @property
    def body_bytes(self) -> int:
        """How many bytes came after the one request head that was sent since `forget`."""
        head, blank, body = bytes(self._sent).partition(b"\r\n\r\n")
        assert head.startswith(b"PUT "), head[:200]
        assert blank, head[:200]
        return len(body)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            service = socket.create_connection(self._target)
            self._connections += [client, service]
            threading.Thread(target=self._pass_up, args=(client, service), daemon=True).start()
            threading.Thread(target=self._pass_down, args=(service, client), daemon=True).start()

    def _pass_up(self, client: socket.socket, service: socket.socket) -> None:
        left = self._cut_after_bytes
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                self._sent += data
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                service.sendall(data)
                if left == 0:
                    break
            service.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):  # the client may finish what it has to say
                pass

    def _pass_down(self, service: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := service.recv(1 << 16):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

"""A real server on a real socket around a real gateway; only the handlers are a test's own."""

import asyncio
import base64
import contextlib
import hashlib
import io
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from holdfast.access.authenticate import Authenticator, Caller
from holdfast.model.clock import SystemClock
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.server.asgi import Face
from holdfast.server.body_limits import BodyLimits
from holdfast.server.gateway import EarlyHandler, Gateway, Handler
from holdfast.server.http_server import HttpServer
from holdfast.sigv4.sign import sign
from holdfast.wire.route import Router
from holdfast.wire.specs import load

KEY, SECRET = "AKIATEST", "secret-of-the-test"
UNSIGNED = "UNSIGNED-PAYLOAD"


def take_chunk(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
    """A PutChunk that checks what it was given and remembers nothing."""
    checksum = base64.b64encode(hashlib.sha256(params["Data"]).digest()).decode()
    return {"ChunkChecksum": checksum, "ChunkChecksumAlgorithm": "SHA256"}


def start_object(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
    return {"UploadId": params["ObjectName"]}


HANDLERS: dict[str, Handler] = {"PutChunk": take_chunk, "StartObject": start_object}


def build_gateway(
    handlers: Mapping[str, Handler] = HANDLERS,
    early: Mapping[str, EarlyHandler] | None = None,
    metrics: Metrics | None = None,
    log: io.StringIO | None = None,
    limits: BodyLimits | None = None,
) -> Gateway:
    return Gateway(
        Router(load()),
        Authenticator({KEY: SECRET}.get, SystemClock()),
        handlers,
        early or {},
        limits or BodyLimits(),
        metrics or Metrics(),
        open_log("info", "json", log or io.StringIO()),
    )


def signed(
    method: str,
    target: str,
    body: bytes = b"",
    *,
    payload: str | None = None,
    secret: str = SECRET,
    host: str = "test",
    **headers: str,
) -> list[tuple[bytes, bytes]]:
    """Headers of a signed request; `payload` is what the signature says of the body (its hash by default)."""
    raw_path, _, query = target.encode().partition(b"?")
    given = [(b"host", host.encode())] + [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
    digest = payload or hashlib.sha256(body).hexdigest()
    added = sign(
        method, raw_path, query, given, digest, KEY, secret, None, "here", "backup-storage", SystemClock().now_us()
    )
    return [*given, *added]


def chunk_target(body: bytes, *, length: int | None = None) -> str:
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode().replace("+", "%2B").replace("/", "%2F")
    checksum = checksum.replace("=", "%3D")
    size = len(body) if length is None else length
    return f"/backup-jobs/j1/chunk/u1/0?checksum={checksum}&checksum-algorithm=SHA256&length={size}"


def render(method: str, target: str, headers: list[tuple[bytes, bytes]], version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}".encode()] + [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


@dataclass
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


def read_reply(sock: socket.socket) -> Reply:
    """One answer from a socket, by hand, so that what was really sent is seen."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {raw!r}")
        raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    _, status, reason = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if status == "100":
        return Reply(100, reason, headers, body)
    while len(body) < int(headers["content-length"]):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError("answer cut short")
        body += piece
    return Reply(int(status), reason, headers, body)


def closed(sock: socket.socket, seconds: float = 5) -> bool:
    """Whether the server closes this connection within `seconds`."""
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@dataclass
class Live:
    port: int
    metrics: Metrics
    log: io.StringIO
    server: HttpServer
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    threads: ThreadPoolExecutor
    face: Face
    sockets: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        self.sockets.append(sock)
        return sock

    def stop(self) -> None:
        if self.thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.server.stop)
        self.thread.join(120)
        assert not self.thread.is_alive()

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.stop()
        self.threads.shutdown()


Start = Callable[..., Live]

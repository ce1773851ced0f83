"""Clients that wait for leave to send a body, straight and through real proxies: every answer comes, nothing hangs."""

import contextlib
import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.config import Config

import holdfast
from holdfast.access.authenticate import Caller
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.model import checksum
from holdfast.model.limits import MIB
from holdfast.server.early import may_answer_early
from holdfast.wire.message import EARLY_ANSWER_CLOSES, RequestHead
from scripts.servers.load_balancer import LoadBalancer
from scripts.servers.not_here import NotHere
from scripts.servers.reverse_proxies import Caddy, Nginx
from tests.real_servers import missing
from tests.server.conftest import starting
from tests.server.live import (
    KEY,
    SECRET,
    UNSIGNED,
    Live,
    Reply,
    chunk_target,
    render,
    signed,
)

WAYS = ("direct", "haproxy", "nginx", "caddy")
FEW, MANY = b"k" * 30_000, b"k" * 8 * MIB
"""Bodies that fit and do not fit into the buffers of a proxy."""


def known(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
    return {"ChunkChecksum": str(params["Checksum"]), "ChunkChecksumAlgorithm": "SHA256"}


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """A server to which every chunk is known."""
    with starting() as start:
        yield start(early={"PutChunk": known})


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def port(way: str, live: Live) -> Iterator[int]:
    """Where clients go."""
    if way == "direct":
        yield live.port
        return
    proxies = {"nginx": Nginx, "caddy": Caddy}
    with ExitStack() as stack:
        try:
            make = proxies.get(way)
            if make is None:
                balancer = stack.enter_context(LoadBalancer([live.port]))
                balancer.wait_until_ready(1)
                at = balancer.port
            else:
                at = stack.enter_context(make(live.port)).port
        except NotHere as reason:
            missing(reason)
        yield at


class Waiting:
    """A client that keeps its connection, and sends a body only when told to."""

    def __init__(self, port: int, expect: bytes = b"expect") -> None:
        self.expect = expect
        self.host = f"127.0.0.1:{port}"
        self.port = port
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.sent = 0

    def put(self, body: bytes, *, secret: str = SECRET) -> Reply:
        target = chunk_target(body)
        headers = [
            *signed("PUT", target, payload=UNSIGNED, secret=secret, host=self.host),
            (b"content-length", b"%d" % len(body)),
            (self.expect, b"100-continue"),
        ]
        self.sock.sendall(render("PUT", target, headers))
        reply = self.read()
        if reply.status == 100:
            self.sock.sendall(body)
            self.sent += len(body)
        while reply.status == 100:  # a proxy may say its own and ours
            reply = self.read()
        if reply.headers.get("connection", "").lower() == "close":
            self.sock.close()
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        return reply

    def read(self) -> Reply:
        """The next answer; one that stands for leave to go on has no body."""
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            piece = self.sock.recv(1)
            if not piece:
                raise ConnectionError(f"closed after {raw!r}")
            raw += piece
        first, *lines = raw.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = b""
        while len(body) < int(headers.get("content-length", 0)):
            body += self.sock.recv(65536)
        return Reply(int(first.split()[1]), first, headers, body)


@pytest.mark.parametrize("expect", [b"Expect", b"expect"], ids=["capital", "small"])
@pytest.mark.parametrize("body", [FEW, MANY], ids=["few", "many"])
def test_a_client_that_keeps_its_connection_is_answered_again_and_again(port: int, body: bytes, expect: bytes):
    client = Waiting(port, expect)
    for _ in range(3):
        assert client.put(body).status == 200
        assert client.put(body, secret="wrong").status == 403
    client.sock.close()


def test_only_a_client_that_reaches_us_straight_is_spared_the_body(port: int, live: Live):
    client = Waiting(port)
    client.put(FEW)
    assert client.sent == (0 if port == live.port else len(FEW))
    client.sock.close()


@pytest.mark.parametrize("body", [FEW, MANY], ids=["few", "many"])
def test_boto_with_expect_is_answered_again_and_again(port: int, body: bytes):
    session = holdfast.session(aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1")
    config = Config(read_timeout=10, retries={"total_max_attempts": 1})
    client = session.client("backupstorage", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    client.meta.events.register(
        "before-call.backupstorage.PutChunk", lambda params, **_: params["headers"].update(Expect="100-continue")
    )
    digest = checksum.encode(hashlib.sha256(body).digest())
    chunk = {"Data": body, "Length": len(body), "Checksum": digest, "ChecksumAlgorithm": "SHA256"}
    for index in range(3):
        assert client.put_chunk(BackupJobId="j", UploadId="u", ChunkIndex=index, **chunk)["ChunkChecksum"] == digest
        assert client.start_object(BackupJobId="j", ObjectName="o")["UploadId"] == "o"
    client.close()


@pytest.mark.parametrize("body", [FEW, MANY], ids=["few", "many"])
def test_our_own_client_is_answered_again_and_again(port: int, body: bytes):
    transport = HttpTransport(parse_endpoint(f"http://127.0.0.1:{port}", "a test"), idle_seconds_max=10)
    api = Api(transport, Credentials(KEY, SECRET), attempts_max=1)
    digest = hashlib.sha256(body).digest()
    for index in range(3):
        api.put_chunk("j", "u", index, body, digest, expect=True)
        assert api.start_object("j", "o") == "o"
    api.close()


def test_our_own_client_is_spared_the_body_where_a_proxy_lets_the_question_through(port: int, live: Live, way: str):
    transport = HttpTransport(parse_endpoint(f"http://127.0.0.1:{port}", "a test"), idle_seconds_max=10)
    api = Api(transport, Credentials(KEY, SECRET), attempts_max=1)
    before = early_answers(live)
    api.put_chunk("j", "u", 0, FEW, hashlib.sha256(FEW).digest(), expect=True)
    assert early_answers(live) - before == (1 if way in ("direct", "haproxy") else 0)
    api.close()


def early_answers(live: Live) -> float:
    [line] = [line for line in live.metrics.page().splitlines() if line.startswith(b"holdfast_early_answers_total")]
    return float(line.split()[1])


@pytest.mark.parametrize("size", [20 * MIB, None], ids=["long", "of unknown length"])
def test_a_refused_body_longer_than_we_read_hangs_nothing(port: int, size: int | None):
    client = Waiting(port)
    target = chunk_target(b"x", length=20 * MIB)
    framing = (b"transfer-encoding", b"chunked") if size is None else (b"content-length", b"%d" % size)
    headers = [*signed("PUT", target, payload=UNSIGNED, host=client.host), framing, (b"expect", b"100-continue")]
    client.sock.sendall(render("PUT", target, headers))
    # An answer or a visible end, but no silence: that would be a TimeoutError.
    with contextlib.suppress(ConnectionError):
        reply = client.read()
        if reply.status == 100:
            for _ in range(20):
                client.sock.sendall(b"%x\r\n%b\r\n" % (MIB, bytes(MIB)) if size is None else bytes(MIB))
        while reply.status == 100:
            reply = client.read()
        assert reply.status == 400
    client.sock.close()


@pytest.mark.parametrize(
    ("host", "server", "extra", "early"),
    [
        (b"127.0.0.1:9220", ("127.0.0.1", 9220), (), True),
        (b"localhost:9220", ("127.0.0.1", 9220), (), True),
        (b"LOCALHOST:9220", ("::1", 9220), (), True),
        (b"[::1]:9220", ("::1", 9220), (), True),
        (b"10.0.0.1", ("::ffff:10.0.0.1", 80), (), True),
        (b"127.0.0.1:9221", ("127.0.0.1", 9220), (), False),
        (b"10.0.0.2:9220", ("10.0.0.1", 9220), (), False),
        (b"localhost:9220", ("10.0.0.1", 9220), (), False),
        (b"backup.example:9220", ("10.0.0.1", 9220), (), False),
        (b"", ("10.0.0.1", 9220), (), False),
        (b"127.0.0.1:\xb2", ("127.0.0.1", 9220), (), False),
        (b"127.0.0.1:9220", None, (), False),
        (b"127.0.0.1:9220", ("127.0.0.1", 9220), ((b"via", b"1.1 x"),), False),
        (b"127.0.0.1:9220", ("127.0.0.1", 9220), ((b"x-forwarded-for", b"10.0.0.9"),), False),
        (b"backup.example:9220", ("10.0.0.1", 9220), (EARLY_ANSWER_CLOSES,), True),
        (b"backup.example:9220", ("10.0.0.1", 9220), (EARLY_ANSWER_CLOSES, (b"forwarded", b"for=x")), False),
    ],
)
def test_an_early_answer_is_for_who_reached_this_socket_or_promised_to_close(
    host: bytes, server: tuple[str, int] | None, extra: tuple[tuple[bytes, bytes], ...], early: bool
):
    head = RequestHead("PUT", b"/", b"", ((b"host", host), *extra))
    assert may_answer_early(head, server, "http", b"expect") is early


@pytest.mark.parametrize(("written", "early"), [(b"Expect", True), (b"EXPECT", True), (b"expect", False), (b"", False)])
def test_capital_letters_in_expect_show_that_no_proxy_has_rewritten_it(written: bytes, early: bool):
    head = RequestHead("PUT", b"/", b"", ((b"host", b"backup.example"),))
    assert may_answer_early(head, ("10.0.0.1", 9220), "https", written) is early
    behind = RequestHead("PUT", b"/", b"", ((b"host", b"backup.example"), (b"via", b"1.1 x")))
    assert not may_answer_early(behind, ("10.0.0.1", 9220), "https", written)


def test_a_client_that_writes_expect_as_sdks_do_is_spared_the_body_under_any_name(live: Live):
    target = chunk_target(FEW)
    headers = [*signed("PUT", target, payload=UNSIGNED, host="backup.example"), (b"content-length", b"30000")]
    for name, status in ((b"Expect", 200), (b"expect", 100)):
        client = Waiting(live.port)
        client.sock.sendall(render("PUT", target, [*headers, (name, b"100-continue")]))
        assert client.read().status == status
        client.sock.close()

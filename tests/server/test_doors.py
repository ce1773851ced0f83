"""How connections come in: counted at once, at most so many of one address, looked at before TLS is spoken to them."""

import contextlib
import json
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from holdfast.server.certificate import Certificate
from holdfast.server.http_server import ServerOptions
from holdfast.server.slots import SlotOptions
from holdfast.server.tls import Tls
from tests.server.live import UNSIGNED, Live, Start, chunk_target, closed, read_reply, render, signed

HEALTH = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    pair = Tls(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", pair.key, "-out", pair.certificate], check=True, capture_output=True)
    return pair


def encrypted(live: Live, certificate: Path, **only: object) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    for name, value in only.items():
        setattr(context, name, value)
    live.sockets.append(sock := context.wrap_socket(live.connect()))
    return sock


def at_work(live: Live) -> socket.socket:
    """A connection whose request is being answered for as long as its body does not come."""
    sock, target = live.connect(), chunk_target(b"abc")
    headers = [*signed("PUT", target, payload=UNSIGNED), (b"content-length", b"3"), (b"expect", b"100-continue")]
    sock.sendall(render("PUT", target, headers))
    assert read_reply(sock).status == 100
    return sock


def status(sock: socket.socket, request: bytes = HEALTH) -> int:
    sock.sendall(request)
    return read_reply(sock).status


def test_idle_connections_of_one_address_keep_nobody_out(start: Start):
    live = start(slots=SlotOptions(connections_max=30, per_address_max=10, reserved_max=2))
    first, *others = [live.connect() for _ in range(50)]
    assert closed(first)
    assert status(others[-1]) == 200
    assert status(live.connect()) == 200
    page = live.metrics.page().decode()
    assert 'holdfast_refused_connections_total{reason="gave way: address"}' in page


def test_where_all_are_at_work_health_is_answered_and_all_else_is_refused_for_now(start: Start):
    live = start(slots=SlotOptions(connections_max=2, per_address_max=8, reserved_max=2))
    held = [at_work(live), at_work(live)]
    assert status(live.connect()) == 200
    late = live.connect()
    late.sendall(b"GET /backup-vaults/ HTTP/1.1\r\nHost: a\r\n\r\n")
    reply = read_reply(late)
    assert reply.status == 503
    assert reply.headers["x-amzn-errortype"] == "ServiceUnavailableException"
    assert int(reply.headers["retry-after"]) >= 1
    assert b"all 2 connections are at work" in reply.body
    assert closed(late)
    assert status(held[0], b"abc") == 200
    assert status(live.connect(), b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n") == 403


def test_refusals_are_counted_in_the_log_and_not_a_line_each(start: Start):
    live = start(slots=SlotOptions(connections_max=30, per_address_max=10))
    for _ in range(200):
        live.connect()
    assert status(live.connect()) == 200
    live.stop()
    lines = [json.loads(line) for line in live.log.getvalue().splitlines()]
    refused = [line for line in lines if line.get("part") == "connection"]
    assert [line["event"] for line in refused] == ["refused", "more were refused"]
    assert refused[1]["count"] == 190
    assert refused[1]["busiest"] == {"127.0.0.1": 190}


def test_connections_that_say_nothing_are_counted_before_tls_is_spoken(start: Start, tls: Tls):
    slots = SlotOptions(connections_max=20, per_address_max=10)
    live = start(server_options=ServerOptions(Certificate(tls), slots=slots))
    first, *_ = [live.connect() for _ in range(30)]
    assert closed(first)
    assert status(encrypted(live, tls.certificate)) == 200
    half = live.connect()
    half.sendall(b"\x16\x03\x01")
    for _ in range(30):
        live.connect()
    assert closed(half)
    assert status(encrypted(live, tls.certificate)) == 200


def test_plain_http_on_a_tls_port_is_told_so(start: Start, tls: Tls):
    live = start(server_options=ServerOptions(Certificate(tls)))
    sock = live.connect()
    sock.sendall(HEALTH)
    answer = b""
    while piece := sock.recv(4096):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"https://" in answer
    assert status(encrypted(live, tls.certificate)) == 200
    assert '"reason":"plain http"' in live.log.getvalue()


def test_old_tls_is_spoken_only_with_forward_secrecy_and_authenticated_encryption(start: Start, tls: Tls):
    live = start(server_options=ServerOptions(Certificate(tls)))
    assert status(encrypted(live, tls.certificate, minimum_version=ssl.TLSVersion.TLSv1_3)) == 200
    accepted = []
    for suite in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"):
        context = ssl.create_default_context(cafile=str(tls.certificate))
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{suite}:@SECLEVEL=0")
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            with context.wrap_socket(live.connect()) as sock:
                assert status(sock) == 200
            accepted.append(suite)
    assert accepted == ["ECDHE-RSA-AES128-GCM-SHA256"]
    assert '"reason":"handshake"' in live.log.getvalue()

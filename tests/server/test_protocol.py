import contextlib
import json
import re
import socket
import time

import pytest

from holdfast.server.connection_options import ConnectionOptions
from tests.server.live import UNSIGNED, Start, chunk_target, closed, read_reply, render, signed

HASTY = ConnectionOptions(head_seconds_max=0.4, body_idle_seconds_max=0.4)


def exchange(sock: socket.socket, raw: bytes):
    sock.sendall(raw)
    return read_reply(sock)


def chunk_request(body: bytes, *headers: tuple[bytes, bytes], length: int | None = None) -> bytes:
    target = chunk_target(body, length=length)
    return render("PUT", target, [*signed("PUT", target, payload=UNSIGNED), *headers])


def length_of(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


def test_a_chunk_is_taken_and_the_connection_kept(start: Start):
    live = start()
    sock = live.connect()
    for body in (b"hello", b"x" * 3_000_000, b""):
        reply = exchange(sock, chunk_request(body, length_of(body)) + body)
        assert (reply.status, reply.reason) == (200, "OK")
        assert reply.headers["x-amzn-requestid"]
        assert "date" in reply.headers
        assert "server" not in reply.headers
        assert "connection" not in reply.headers


def test_a_chunked_body_is_taken(start: Start):
    body = b"abc" * 100_000
    pieces = [body[i : i + 7000] for i in range(0, len(body), 7000)] + [b""]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    reply = exchange(start().connect(), chunk_request(body, (b"transfer-encoding", b"chunked")) + framed)
    assert reply.status == 200


def test_a_chunked_body_longer_than_declared_is_refused(start: Start):
    request = chunk_request(b"abc", (b"transfer-encoding", b"chunked")) + b"4\r\nabcd\r\n0\r\n\r\n"
    reply = exchange(start().connect(), request)
    assert reply.headers["x-amzn-errortype"] == "IllegalArgumentException"


def test_a_chunked_body_shorter_than_declared_is_not_readable(start: Start):
    request = chunk_request(b"abc", (b"transfer-encoding", b"chunked")) + b"2\r\nab\r\n0\r\n\r\n"
    reply = exchange(start().connect(), request)
    assert reply.headers["x-amzn-errortype"] == "NotReadableInputStreamException"


def test_a_head_that_never_ends_is_refused_in_time(start: Start):
    sock = start(connection=HASTY).connect()
    began = time.monotonic()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    reply = read_reply(sock)
    assert 0.3 < time.monotonic() - began < 2
    assert reply.status == 400
    assert json.loads(reply.body)["__type"] == "IllegalArgumentException"
    assert closed(sock)


def test_a_head_that_drips_is_refused_in_time(start: Start):
    sock = start(connection=HASTY).connect()
    sock.sendall(b"GET /")
    sock.settimeout(0.05)
    began = time.monotonic()
    answer = b""
    while not answer and time.monotonic() - began < 5:
        sock.sendall(b"a")
        with contextlib.suppress(TimeoutError):
            answer = sock.recv(12)
    assert answer == b"HTTP/1.1 400"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("first", [b"", b"\r\n"])
def test_a_connection_that_says_nothing_is_closed(start: Start, first: bytes):
    sock = start(connection=HASTY).connect()
    sock.sendall(first)
    assert closed(sock, 2)


def test_a_second_head_on_a_kept_connection_is_timed_too(start: Start):
    sock = start(connection=HASTY).connect()
    assert exchange(sock, chunk_request(b"a", length_of(b"a")) + b"a").status == 200
    sock.sendall(b"PUT /backup")
    assert read_reply(sock).status == 400
    assert closed(sock, 2)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: bcdefgh\r\n" * 20_000,
        b"GET /" + b"a" * 500_000,
    ],
)
def test_an_oversized_head_is_refused(start: Start, head: bytes):
    sock = start().connect()
    reply = exchange(sock, head)
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"] == "IllegalArgumentException"
    assert reply.headers["connection"] == "close"
    assert closed(sock)


def test_a_request_line_of_32_kib_is_read(start: Start):
    reply = exchange(start().connect(), b"GET /" + b"a" * 32_768 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.status == 403


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nAccept: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT evil:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_not_plain_http_is_refused_with_a_modelled_error(start: Start, raw: bytes):
    sock = start().connect()
    reply = exchange(sock, raw)
    assert reply.status == 400
    assert json.loads(reply.body)["__type"] == "IllegalArgumentException"
    assert json.loads(reply.body)["Message"]
    assert reply.headers["x-amzn-requestid"]
    assert closed(sock)


def test_an_upgrade_is_ignored(start: Start):
    sock = start().connect()
    reply = exchange(sock, b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert reply.status == 200
    assert reply.headers["connection"] == "close"


def test_http_1_0_is_served_and_closed(start: Start):
    sock = start().connect()
    assert exchange(sock, b"GET /health/live HTTP/1.0\r\n\r\n").status == 200
    assert closed(sock)


def test_a_head_request_has_no_body(start: Start):
    sock = start().connect()
    sock.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
    time.sleep(0.3)
    assert sock.recv(65536).split(b"\r\n\r\n")[2] == b""


def test_pipelined_requests_are_answered_in_order(start: Start):
    sock = start().connect()
    sock.sendall(b"".join(b"GET /health/%s HTTP/1.1\r\nHost: a\r\n\r\n" % word for word in (b"live", b"ready") * 3))
    text = b""
    while text.count(b"ready\n") < 3:
        text += sock.recv(65536)
    assert re.findall(rb"alive|ready", text) == [b"alive", b"ready"] * 3


def test_too_many_pipelined_requests_end_the_connection(start: Start):
    sock = start().connect()
    sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n" * 5000)
    assert closed(sock)


def test_a_body_that_stops_coming_is_not_readable(start: Start):
    sock = start(connection=HASTY).connect()
    body = b"x" * 1000
    began = time.monotonic()
    reply = exchange(sock, chunk_request(body, length_of(body)) + body[:10])
    assert 0.3 < time.monotonic() - began < 2
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"] == "NotReadableInputStreamException"
    assert closed(sock)


def test_a_body_that_breaks_off_is_not_readable(start: Start):
    sock = start().connect()
    body = b"x" * 200_000
    sock.sendall(chunk_request(body, length_of(body)) + body[:100])
    sock.shutdown(socket.SHUT_WR)
    reply = read_reply(sock)
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"] == "NotReadableInputStreamException"
    assert closed(sock)


def test_a_broken_chunk_in_a_body_is_not_readable(start: Start):
    sock = start().connect()
    reply = exchange(sock, chunk_request(b"abc", (b"transfer-encoding", b"chunked")) + b"1\r\na\r\nzz\r\n")
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"] == "NotReadableInputStreamException"
    assert closed(sock)


def test_half_a_close_after_the_request_still_gets_the_answer(start: Start):
    sock = start().connect()
    sock.sendall(chunk_request(b"abc", length_of(b"abc")) + b"abc")
    sock.shutdown(socket.SHUT_WR)
    assert read_reply(sock).status == 200


def test_a_refusal_reaches_a_client_that_is_still_sending_and_its_connection_is_kept(start: Start):
    sock = start().connect()
    for _ in range(5):
        body = b"x" * 8_000_000
        target = chunk_target(body)
        headers = signed("PUT", target, payload=UNSIGNED, secret="wrong")
        sock.sendall(render("PUT", target, [*headers, length_of(body)]) + body)
        reply = read_reply(sock)
        assert reply.status == 403
        assert "connection" not in reply.headers


def test_a_refused_small_body_keeps_the_connection(start: Start):
    sock = start().connect()
    target = chunk_target(b"abc")
    head = render("PUT", target, [*signed("PUT", target, payload=UNSIGNED, secret="wrong"), length_of(b"abc")])
    sock.sendall(head)
    time.sleep(0.1)
    assert exchange(sock, b"abc").status == 403
    assert exchange(sock, chunk_request(b"abc", length_of(b"abc")) + b"abc").status == 200

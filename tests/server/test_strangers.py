"""What peers without a signature can take of us: bounded before they have proved anything."""

import contextlib
import re

import pytest

from tests.server.live import UNSIGNED, Live, Start, chunk_target, closed, read_reply, render, signed


def chunk_request(body: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    target = chunk_target(body)
    return render("PUT", target, [*signed("PUT", target, payload=UNSIGNED), *headers])


def alive(live: Live) -> None:
    """Returns when the server has looked at all that was sent to it before."""
    sock = live.connect()
    sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert read_reply(sock).status == 200
    sock.close()


def test_a_head_with_too_many_headers_is_refused_while_it_is_still_coming(start: Start):
    sock = start().connect()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 300)
    reply = read_reply(sock)
    assert reply.status == 400
    assert b"over 200 headers" in reply.body
    assert closed(sock)


@pytest.mark.parametrize(
    "framing",
    [
        b"0\r\nX: " + b"a" * 400_000,
        b"0\r\n" + b"X: a\r\n" * 60_000,
        b"1;" + b"e" * 400_000,
        b"1" + b";e=1" * 100_000,
        b"1\r\na\r\n" * 60_000,
        b"5;" + b"e" * 1000 + b"\r\nhello\r\n0\r\nX: " + b"a" * 400_000,
    ],
    ids=["a trailer", "trailers", "an extension", "extensions", "tiny chunks", "a bit of each"],
)
def test_what_stands_around_the_bytes_of_a_body_is_bounded(start: Start, framing: bytes):
    live = start()
    sock = live.connect()
    sock.sendall(chunk_request(b"x" * 900_000, (b"transfer-encoding", b"chunked")) + framing)
    reply = read_reply(sock)
    assert reply.status == 400
    assert re.search(rb"send larger chunks", reply.body)
    assert closed(sock)


def test_chunks_as_client_libraries_send_them_and_short_trailers_are_taken(start: Start):
    sock = start().connect()
    for size in (1000, 8192, 65536):
        body = b"x" * 400_000
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        framed = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        sock.sendall(chunk_request(body, (b"transfer-encoding", b"chunked")) + framed + b"0\r\nX-Sum: abc\r\n\r\n")
        assert read_reply(sock).status == 200


def test_a_body_is_not_read_before_it_is_wanted(start: Start):
    live = start()
    target, size = "/backup-jobs/j1/object/o1", 1_000_000
    # Without its hash the signature says nothing until the body is there: a small budget of their own is for such.
    headers = [each for each in signed("PUT", target, b"x") if each[0] != b"x-amz-content-sha256"]
    head = render("PUT", target, [*headers, (b"content-length", str(size).encode())])
    socks = [live.connect() for _ in range(12)]
    for sock in socks:
        sock.sendall(head)
        alive(live)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.send(b"x" * 300_000)
    for _ in range(5):
        alive(live)
    exchanges = [each._parsed for each in live.server.server_state.connections if each._parsed is not None]
    unwanted = [each._unread_bytes for each in exchanges if each.more_body and not each.wanted]
    assert len(unwanted) == len(socks) - 4
    assert sum(unwanted) == 0

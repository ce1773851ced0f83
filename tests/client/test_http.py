"""The HTTP transport against bare sockets."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.client.transport import Body, ClientReply, ClientRequest
from holdfast.model.errors import Internal, InvalidInput, Transient, Unavailable
from tests.client.raw_server import RawServer, Talk, answering


@contextmanager
def talking_to(
    server: RawServer, *, idle_seconds_max: float = 5.0, sends_again: bool = True
) -> Iterator[HttpTransport]:
    transport = HttpTransport(server.endpoint, idle_seconds_max=idle_seconds_max, sends_again=sends_again)
    try:
        with server:
            try:
                yield transport
            finally:
                transport.close()
    finally:
        transport.close()


def put(transport: HttpTransport, body: Body, *, expect: bool = False) -> ClientReply:
    return transport.send(ClientRequest("PUT", b"/a%2Fb", b"x=1", ((b"host", transport.host),), body), expect=expect)


def test_a_request_travels_as_it_was_given() -> None:
    seen: list[tuple[bytes, bytes]] = []

    def behaviour(talk: Talk) -> None:
        seen.append(talk.request())
        talk.reply("200 OK", b'{"a":1}', "X-Amzn-RequestId: r1", "x-amz-metadata-string: caf\u00e9")

    with talking_to(RawServer(behaviour)) as transport:
        reply = put(transport, b"hello")
        host = transport.host
    head, body = seen[0]
    assert head.split(b"\r\n") == [
        b"PUT /a%2Fb?x=1 HTTP/1.1",
        b"host: " + host,
        b"user-agent: holdfast",
        b"content-length: 5",
    ]
    assert body == b"hello"
    assert (reply.status, bytes(reply.body)) == (200, b'{"a":1}')
    assert reply.header(b"x-amzn-requestid") == b"r1"
    assert reply.header(b"x-amz-metadata-string") == "caf\u00e9".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 3_000_000,
        bytearray(b"y" * 3_000_000),
        memoryview(b"z" * 3_000_000)[5:],
        [b"head", memoryview(b"m" * 2_000_000), bytearray(b"tail"), b""],
        [b"%d," % n for n in range(3000)],
        b"",
    ],
    ids=["bytes", "bytearray", "memoryview", "several", "thousands", "none"],
)
def test_bodies_of_every_shape_arrive_whole(body: Body) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def behaviour(talk: Talk) -> None:
        seen.append(talk.request())
        talk.reply()

    with talking_to(RawServer(behaviour)) as transport:
        assert put(transport, body).status == 200
    assert seen[0][1] == (b"".join(body) if isinstance(body, list) else bytes(body))  # type: ignore[arg-type]


def test_one_connection_carries_many_requests() -> None:
    server = RawServer(answering("200 OK"))
    with talking_to(server) as transport:
        for _ in range(20):
            assert put(transport, b"x").status == 200
        assert server.connections == 1


def test_threads_share_the_pool_and_never_an_exchange() -> None:
    def echo(talk: Talk) -> None:
        while (request := talk.request())[0]:
            talk.reply("200 OK", request[1])

    server = RawServer(echo)
    with talking_to(server) as transport, ThreadPoolExecutor(8) as threads:
        bodies = [b"%d" % n * 50 for n in range(400)]
        assert [bytes(reply.body) for reply in threads.map(lambda body: put(transport, body), bodies)] == bodies
        assert server.connections <= 8


def test_an_early_final_answer_keeps_the_body_at_home() -> None:
    rest: list[bytes] = []

    def behaviour(talk: Talk) -> None:
        assert b"\r\nexpect: 100-continue" in talk.head()
        talk.reply("200 OK", b'{"ok":1}')  # without Connection: close, so that closing is the client's own doing
        rest.append(talk.rest())

    server = RawServer(behaviour, answering("200 OK"))
    with talking_to(server) as transport:
        begun = time.monotonic()
        assert bytes(put(transport, b"x" * 8_000_000, expect=True).body) == b'{"ok":1}'
        assert time.monotonic() - begun < 0.9
        assert put(transport, b"y").status == 200
        assert server.connections == 2
    assert rest == [b""]


def test_leave_to_continue_brings_the_body_on_the_same_connection() -> None:
    seen: list[bytes] = []

    def behaviour(talk: Talk) -> None:
        for _ in range(3):
            talk.head()
            talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            seen.append(talk.body(5_000_000))
            talk.reply()

    server = RawServer(behaviour)
    with talking_to(server) as transport:
        for _ in range(3):
            assert put(transport, memoryview(b"x" * 5_000_000), expect=True).status == 200
        assert server.connections == 1
    assert seen == [b"x" * 5_000_000] * 3


def test_a_server_that_says_nothing_gets_the_body_after_a_second() -> None:
    waited: list[float] = []

    def behaviour(talk: Talk) -> None:
        talk.head()
        begun = time.monotonic()
        assert talk.body(4) == b"late"
        waited.append(time.monotonic() - begun)
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")  # too late, and to be skipped
        talk.reply("200 OK", b"done")

    with talking_to(RawServer(behaviour)) as transport:
        assert bytes(put(transport, b"late", expect=True).body) == b"done"
    assert 0.8 < waited[0] < 2.5


def test_an_early_error_is_read_although_the_connection_is_reset_under_the_body() -> None:
    def behaviour(talk: Talk) -> None:
        talk.head()
        talk.reply("403 Forbidden", b"no", "Connection: close")
        time.sleep(0.2)  # the body fills the buffers meanwhile; closing with unread bytes is a reset

    server = RawServer(behaviour)
    with talking_to(server) as transport:
        assert put(transport, b"x" * 30_000_000).status == 403
        assert server.connections == 1


def test_an_early_error_is_read_although_the_server_takes_no_more() -> None:
    def behaviour(talk: Talk) -> None:
        talk.head()
        talk.reply("403 Forbidden", b"no", "Connection: close")
        talk.socket.shutdown(socket.SHUT_WR)
        talk.rest(0.5)

    with talking_to(RawServer(behaviour)) as transport:
        assert put(transport, b"x" * 30_000_000).status == 403


def test_a_connection_that_died_in_its_sleep_is_replaced() -> None:
    def once(talk: Talk) -> None:
        talk.request()
        talk.reply()

    server = RawServer(once, answering("200 OK"))
    with talking_to(server) as transport:
        assert put(transport, b"x").status == 200
        time.sleep(0.1)
        assert put(transport, b"x").status == 200
        assert server.connections == 2


def test_an_answer_that_nobody_asked_for_is_never_taken_for_one() -> None:
    def pushing(talk: Talk) -> None:
        talk.request()
        talk.reply("200 OK", b"first")
        time.sleep(0.05)
        talk.reply("200 OK", b"evil")
        talk.rest()

    server = RawServer(pushing, answering("200 OK", body=b"second"))
    with talking_to(server) as transport:
        assert bytes(put(transport, b"x").body) == b"first"
        time.sleep(0.2)
        assert bytes(put(transport, b"x").body) == b"second"


def closing_at_second(talk: Talk) -> None:
    talk.request()
    talk.reply()
    talk.request()  # seen, and not answered


def test_a_kept_connection_that_closes_on_the_next_request_is_replaced_once() -> None:
    server = RawServer(closing_at_second, answering("200 OK"))
    with talking_to(server) as transport:
        assert put(transport, b"x").status == 200
        assert put(transport, b"x").status == 200
        assert server.connections == 2


def test_who_must_know_how_often_a_request_was_sent_is_told_of_a_kept_connection_that_closed() -> None:
    server = RawServer(closing_at_second, answering("200 OK"))
    with talking_to(server, sends_again=False) as transport:
        assert put(transport, b"x").status == 200
        with pytest.raises(Transient, match="before an answer"):
            put(transport, b"x")
        assert server.connections == 1


def test_an_answer_that_breaks_off_on_a_kept_connection_is_not_asked_for_again_here() -> None:
    def breaking_at_second(talk: Talk) -> None:
        talk.request()
        talk.reply()
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nhalf")
        time.sleep(0.1)
        # Closing with a linger of zero sends a reset instead of an end.
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = RawServer(breaking_at_second, answering("200 OK"))
    with talking_to(server) as transport:
        assert put(transport, b"x").status == 200
        with pytest.raises(Transient):
            put(transport, b"x")
        assert server.connections == 1


def test_a_new_connection_that_closes_unanswered_is_not_tried_again_here() -> None:
    server = RawServer(lambda talk: void(talk.request()))
    with talking_to(server) as transport:
        with pytest.raises(Transient, match="before an answer"):
            put(transport, b"x")
        assert server.connections == 1


def test_connection_close_is_obeyed() -> None:
    server = RawServer(answering("200 OK", headers=("Connection: close",)))
    with talking_to(server) as transport:
        put(transport, b"x")
        put(transport, b"x")
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 99_999,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    ],
)
def test_an_answer_that_is_not_whole_is_an_error_and_never_an_answer(answer: bytes) -> None:
    def behaviour(talk: Talk) -> None:
        talk.request()
        talk.send(answer)

    with talking_to(RawServer(behaviour)) as transport, pytest.raises(Transient):
        put(transport, b"x")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["length", "chunked", "until close", "after hints"],
)
@pytest.mark.parametrize("pieces", [1, 7])
def test_bodies_of_every_framing_are_read_whole(answer: bytes, pieces: int) -> None:
    def behaviour(talk: Talk) -> None:
        talk.request()
        for at in range(0, len(answer), max(1, len(answer) // pieces)):
            talk.send(answer[at : at + max(1, len(answer) // pieces)])
            time.sleep(0.002)

    with talking_to(RawServer(behaviour)) as transport:
        reply = put(transport, b"x")
    assert (reply.status, bytes(reply.body)) == (200, b"hello")


def test_an_answer_without_body_ends_with_its_head() -> None:
    def behaviour(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server = RawServer(behaviour)
    with talking_to(server) as transport:
        assert [put(transport, b"x").status for _ in range(2)] == [204, 200]
        assert server.connections == 1


def test_bytes_after_an_answer_end_the_connection() -> None:
    def behaviour(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    server = RawServer(behaviour, answering("200 OK"))
    with talking_to(server) as transport:
        put(transport, b"x")
        assert bytes(put(transport, b"x").body) == b"{}"
        assert server.connections == 2


def test_an_answer_above_the_limit_is_refused_before_it_is_read() -> None:
    def behaviour(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx")
        talk.rest(0.2)

    with talking_to(RawServer(behaviour)) as transport, pytest.raises(Internal, match="more than"):
        put(transport, b"x")


def test_a_silent_server_is_given_up() -> None:
    stop = threading.Event()

    def behaviour(talk: Talk) -> None:
        talk.request()
        stop.wait(5)

    with talking_to(RawServer(behaviour), idle_seconds_max=0.2) as transport:
        with pytest.raises(Transient, match=r"within 0\.2 seconds"):
            put(transport, b"x")
        stop.set()


def test_nobody_there_is_unavailable_and_names_the_endpoint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    transport = HttpTransport(parse_endpoint(f"http://127.0.0.1:{port}", "the test"))
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port}.*is the service running"):
        put(transport, b"x")


def test_a_line_break_in_a_header_is_refused_and_not_sent() -> None:
    server = RawServer(answering("200 OK"))
    with talking_to(server) as transport, pytest.raises(InvalidInput, match="line break"):
        transport.send(ClientRequest("GET", b"/", b"", ((b"x", b"a\r\nx-amz-evil: 1"),)))
    assert server.connections == 0


def void(_: object) -> None:
    return None


def test_after_a_break_in_a_body_that_was_asked_for_bodies_are_sent_without_asking() -> None:
    heads: list[bytes] = []

    def breaks(talk: Talk) -> None:
        heads.append(talk.head())
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        talk.body(1000)
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def takes(talk: Talk) -> None:
        head, _ = talk.request()
        heads.append(head)
        talk.reply()

    with talking_to(RawServer(breaks, takes)) as transport:
        with pytest.raises(Transient):
            put(transport, b"x" * 16_000_000, expect=True)
        assert put(transport, b"x" * 16_000_000, expect=True).status == 200
    assert [b"expect: 100-continue" in head for head in heads] == [True, False]
    assert b"x-holdfast-early-answer: close" in heads[0]

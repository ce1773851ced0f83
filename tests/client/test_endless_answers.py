"""An endpoint that never comes to an end: the client does, with an error that says what was too much."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from holdfast.client import answers, reply_reader
from holdfast.client.call import decode
from holdfast.client.faults import error_of
from holdfast.client.page_progress import EMPTY_PAGES_MAX, PageProgress
from holdfast.client.reply_reader import INTERIM_ANSWERS_MAX, PACE_BYTES_MIN, ReplyReader
from holdfast.client.transport import ClientReply
from holdfast.model.errors import Internal, Transient, Unavailable
from holdfast.model.limits import MIB
from tests.client.raw_server import RawServer, Talk
from tests.client.test_http import put, talking_to

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def endless(begin: bytes, more: bytes) -> Callable[[Talk], None]:
    """Sends until the other side has had enough."""

    def behaviour(talk: Talk) -> None:
        talk.request()
        try:
            talk.send(begin)
            while True:
                talk.send(more)
        except OSError:
            return

    return behaviour


@pytest.mark.parametrize(
    ("begin", "more", "said"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "more than 32 interim answers"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", "more than 32 interim answers"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096, "head of more than 65536 bytes"),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"a" * 4096, "around the 2 of its body"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: a\r\n" * 512, "around the 2 of its body"),
        (CHUNKED + b"2\r\n{}\r\n1;", b"a" * 4096, "around the 2 of its body"),
        (CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n", "longer than 1048576 bytes"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", bytes(65536), "longer than 1048576 bytes"),
        (CHUNKED, b"1;" + b"a" * 30_000 + b"\r\nX\r\n", "and 2097152 in all"),
    ],
    ids=["100", "103", "head", "trailer", "trailers", "extension", "chunks", "until closed", "extensions"],
)
def test_an_answer_without_end_is_refused(
    begin: bytes, more: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_reader, "RESPONSE_BYTES_MAX", MIB)
    monkeypatch.setattr(reply_reader, "_FRAMED_BYTES_MAX", 2 * MIB)
    with (
        talking_to(RawServer(endless(begin, more))) as transport,
        pytest.raises(Internal, match=said),
    ):
        put(transport, b"")


def test_a_few_interim_answers_and_a_short_trailer_are_read_over_for_each_request() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" * INTERIM_ANSWERS_MAX

    def behaviour(talk: Talk) -> None:
        while talk.request()[0]:
            talk.send(interim + CHUNKED + b"2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n")

    with talking_to(server := RawServer(behaviour)) as transport:
        assert [bytes(put(transport, b"").body) for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 1


@contextmanager
def dripping(begin: bytes, drop: bytes, seconds: float) -> Iterator[ReplyReader]:
    """A reader to whom another `drop` comes whenever it has looked at the clock, `seconds` later each time."""
    ours, theirs = socket.socketpair()
    now = 0.0

    def clock() -> float:
        nonlocal now
        theirs.sendall(drop)
        now += seconds
        return now

    with ours, theirs:
        theirs.sendall(begin)
        yield ReplyReader(ours, 60.0, clock)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", CHUNKED],
    ids=["head", "body", "chunks"],
)
def test_an_answer_that_drips_is_given_up(head: bytes) -> None:
    with (
        dripping(head, b"0", 29.0) as reader,
        pytest.raises(Transient, match=r"bytes of the answer came in 87 seconds: at least 1024 in 60 are waited for"),
    ):
        reader.read()


def test_an_answer_that_keeps_the_pace_is_waited_for_however_long_it_takes() -> None:
    body = bytes(40 * PACE_BYTES_MIN)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with dripping(head, bytes(PACE_BYTES_MIN), 50.0) as reader:
        assert reader.read().body == body


def read(*pages: tuple[str | None, bool]) -> None:
    progress = PageProgress("list")
    for token, is_empty in pages:
        progress.check(token, is_empty=is_empty)


@pytest.mark.parametrize("circle", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("way_in", [0, 1, 50])
def test_pages_that_go_round_in_a_circle_are_given_up(circle: int, way_in: int) -> None:
    pages = [page if page < way_in else way_in + (page - way_in) % circle for page in range(3 * way_in + 4 * circle)]
    with pytest.raises(Internal, match="the endpoint's list never ends: a page names as the next one what was read"):
        read(*((str(page), False) for page in (*pages, pages[-circle])))


def test_any_number_of_pages_is_read_and_empty_ones_up_to_a_limit() -> None:
    some = [(str(page), page % EMPTY_PAGES_MAX != 0) for page in range(3 * EMPTY_PAGES_MAX)]
    read(*some, (None, True))
    with pytest.raises(Internal, match="10001 pages in a row hold nothing"):
        read(*((str(page), True) for page in range(EMPTY_PAGES_MAX + 1)))


def test_an_answer_that_is_nested_too_deeply_is_an_error_of_the_endpoint() -> None:
    deep = b'{"a":' + b"[" * 100_000
    with pytest.raises(Transient, match="cannot be read"):
        decode(msgspec.json.Decoder(answers.Nothing), ClientReply(200, (), deep))
    assert isinstance(error_of(ClientReply(503, (), deep)), Unavailable)

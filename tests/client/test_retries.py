"""What is tried again, how long is waited, and what comes out in the end."""

import socket
import time

import pytest

from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.model.errors import Denied, HoldfastError, Internal, InvalidInput, Throttled, Transient, Unavailable
from tests.client.raw_server import RawServer, Talk, answering

ERROR = b'{"__type":"%s","Message":"as it says"}'


def api_at(server: RawServer, slept: list[float], *, jitter: float = 0.0) -> Api:
    return Api(
        HttpTransport(server.endpoint, idle_seconds_max=5),
        Credentials("K", "S"),
        sleep=slept.append,
        jitter=lambda: jitter,
    )


def failing(times: int, *lines: str, status: str = "500 Internal Server Error", body: bytes = b"") -> RawServer:
    """A server that answers `times` requests with an error and all others with success."""
    left = [times]

    def behaviour(talk: Talk) -> None:
        while talk.request()[0]:
            left[0] -= 1
            if left[0] >= 0:
                talk.reply(status, body, *lines)
            else:
                talk.reply("200 OK", b'{"UploadId":"u"}')

    return RawServer(behaviour)


def test_a_passing_failure_is_tried_again_after_doubling_waits() -> None:
    slept: list[float] = []
    with failing(4) as server:
        api = api_at(server, slept)
        assert api.start_object("j", "n") == "u"
        api.close()
    assert slept == [0.05, 0.1, 0.2, 0.4]


def test_jitter_spreads_the_waits_up_to_twice_as_long() -> None:
    slept: list[float] = []
    with failing(2) as server:
        api = api_at(server, slept, jitter=1.0)
        api.start_object("j", "n")
        api.close()
    assert slept == [0.1, 0.2]


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        (("x-amz-retry-after: 1500", "Retry-After: 7"), 1.5),
        (("Retry-After: 2",), 2.0),
        (("x-amz-retry-after: 999999999",), 30.0),
        (("x-amz-retry-after: soon",), 0.05),
        (("x-amz-retry-after: -5",), 0.05),
    ],
)
def test_the_wait_that_the_service_asks_for_is_kept(lines: tuple[str, ...], wait: float) -> None:
    slept: list[float] = []
    with failing(1, *lines, status="503 Service Unavailable") as server:
        api = api_at(server, slept)
        api.start_object("j", "n")
        api.close()
    assert slept == [wait]


@pytest.mark.parametrize(
    ("status", "code", "kind", "waits"),
    [
        ("500 Internal Server Error", b"ServiceInternalException", Internal, 1),
        ("500 Internal Server Error", b"RetryableException", Transient, 5),
        ("503 Service Unavailable", b"ServiceUnavailableException", Unavailable, 5),
        ("429 Too Many Requests", b"ThrottlingException", Throttled, 5),
        ("502 Bad Gateway", b"", Unavailable, 5),
    ],
)
def test_a_lasting_failure_comes_out_after_six_attempts_and_a_defect_after_two(
    status: str, code: bytes, kind: type[HoldfastError], waits: int
) -> None:
    slept: list[float] = []
    with failing(99, status=status, body=ERROR % code if code else b"<html>proxy</html>") as server:
        api = api_at(server, slept)
        with pytest.raises(kind):
            api.start_object("j", "n")
        api.close()
    assert len(slept) == waits


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("400 Bad Request", ERROR % b"IllegalArgumentException", InvalidInput),
        ("400 Bad Request", b"", InvalidInput),
        ("403 Forbidden", ERROR % b"AccessDeniedException", Denied),
        ("403 Forbidden", b"<html>", Denied),
        ("301 Moved Permanently", b"", InvalidInput),
    ],
)
def test_what_the_caller_did_wrong_is_not_tried_again(status: str, body: bytes, kind: type[HoldfastError]) -> None:
    slept: list[float] = []
    with failing(99, status=status, body=body) as server:
        api = api_at(server, slept)
        with pytest.raises(kind) as caught:
            api.start_object("j", "n")
        api.close()
    assert slept == []
    assert "as it says" in caught.value.message or b"as it says" not in body


def test_an_answer_cut_off_is_tried_again() -> None:
    def cutting(talk: Talk) -> None:
        talk.request()
        talk.send(b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"Upl')

    slept: list[float] = []
    with RawServer(cutting, cutting, answering("200 OK", body=b'{"UploadId":"u"}')) as server:
        api = api_at(server, slept)
        assert api.start_object("j", "n") == "u"
        api.close()
        assert server.connections == 3


def test_a_chunk_is_sent_again_with_the_same_bytes() -> None:
    bodies: list[bytes] = []

    def behaviour(talk: Talk) -> None:
        while True:
            head, body = talk.request()
            if not head:
                return
            bodies.append(body)
            talk.reply("200 OK" if len(bodies) == 3 else "500 Oops", b"{}")

    with RawServer(behaviour) as server:
        api = api_at(server, [])
        api.put_chunk("j", "u", 0, memoryview(b"ab" * 500_000), b"0" * 32)
        api.close()
    assert bodies == [b"ab" * 500_000] * 3


def test_a_skipped_chunk_is_an_answered_one() -> None:
    rest: list[bytes] = []

    def behaviour(talk: Talk) -> None:
        talk.head()
        talk.reply("200 OK", b'{"ChunkChecksum":"c"}', "Connection: close")
        rest.append(talk.rest())

    with RawServer(behaviour) as server:
        api = api_at(server, [])
        assert api.put_chunk("j", "u", 0, b"x" * 1_000_000, b"0" * 32, expect=True).chunk_checksum == "c"
        api.close()
    assert rest == [b""]


def test_an_answer_that_is_no_json_of_ours_is_an_error_of_the_tree() -> None:
    with RawServer(answering("200 OK", body=b"<html>welcome</html>")) as server:
        api = api_at(server, [])
        with pytest.raises(Transient, match="is it a Holdfast service"):
            api.start_object("j", "n")
        api.close()


def test_nobody_there_is_told_soon_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    slept: list[float] = []
    api = Api(
        HttpTransport(parse_endpoint(f"http://127.0.0.1:{port}", "the test")),
        Credentials("K", "S"),
        sleep=slept.append,
        jitter=lambda: 1.0,
    )
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="is the service running"):
        api.start_object("j", "n")
    assert time.monotonic() - begun < 2
    assert sum(slept) < 5

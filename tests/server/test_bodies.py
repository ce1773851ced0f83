"""What happens to bodies between the socket and the handler: Expect, budgets, slow readers, stops."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from holdfast.access.authenticate import Caller
from holdfast.model.limits import MIB
from holdfast.server.asgi import BodyOptions
from holdfast.server.connection_options import ConnectionOptions
from tests.in_parallel import wait_until
from tests.server.live import HANDLERS, UNSIGNED, Start, chunk_target, closed, read_reply, render, signed, take_chunk

EXPECT = (b"expect", b"100-continue")
CLOSES = (b"x-holdfast-early-answer", b"close")


def put(body: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    target = chunk_target(body)
    length = (b"content-length", str(len(body)).encode())
    return render("PUT", target, [*signed("PUT", target, payload=UNSIGNED), length, *headers])


def possessed(caller: Caller, params: dict[str, Any]) -> Mapping[str, object] | None:
    known = params["Length"] != 5
    return {"ChunkChecksum": "known", "ChunkChecksumAlgorithm": "SHA256"} if known else None


def test_a_known_chunk_is_answered_before_its_body_and_the_connection_closed(start: Start):
    live = start(early={"PutChunk": possessed})
    sock = live.connect()
    sock.sendall(put(b"x" * MIB, EXPECT, CLOSES))
    reply = read_reply(sock)
    assert (reply.status, reply.reason) == (200, "OK")
    assert json.loads(reply.body)["ChunkChecksum"] == "known"
    assert reply.headers["connection"] == "close"
    assert closed(sock)
    assert b"holdfast_early_answers_total 1.0" in live.metrics.page()
    assert b"holdfast_received_bytes_total 0.0" in live.metrics.page()


def test_a_known_chunk_whose_body_comes_all_the_same_is_drained(start: Start):
    sock = start(early={"PutChunk": possessed}).connect()
    sock.sendall(put(b"x" * 8 * MIB, EXPECT, CLOSES) + b"x" * 8 * MIB)
    assert read_reply(sock).status == 200
    assert closed(sock)


def test_an_unknown_chunk_is_asked_for_at_once_and_the_connection_kept(start: Start):
    sock = start(early={"PutChunk": possessed}).connect()
    for _ in range(3):
        began = time.monotonic()
        sock.sendall(put(b"hello", EXPECT))
        reply = read_reply(sock)
        assert (reply.status, reply.reason) == (100, "Continue")
        assert time.monotonic() - began < 0.5
        sock.sendall(b"hello")
        final = read_reply(sock)
        assert final.status == 200
        assert "connection" not in final.headers


def test_an_error_in_the_head_is_answered_before_the_body(start: Start):
    sock = start().connect()
    target = chunk_target(b"x", length=17 * MIB)
    head = [*signed("PUT", target, payload=UNSIGNED), (b"content-length", str(17 * MIB).encode()), EXPECT, CLOSES]
    sock.sendall(render("PUT", target, head))
    reply = read_reply(sock)
    assert reply.status == 400
    assert "16777216" in json.loads(reply.body)["Message"]
    assert closed(sock)


def test_bodies_wait_for_room_and_all_are_answered(start: Start):
    peak, inside, lock = 0, 0, threading.Lock()
    together = threading.Barrier(2)  # so that no machine is too slow for two of them to be inside at once

    def slowly(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
        nonlocal peak, inside
        with lock:
            inside += len(params["Data"])
            peak = max(peak, inside)
        together.wait(120)
        with lock:
            inside -= len(params["Data"])
        return take_chunk(caller, params)

    live = start(handlers={"PutChunk": slowly}, bodies=BodyOptions(body_budget_bytes=18 * MIB))
    statuses = []

    def client() -> None:
        sock = live.connect()
        sock.sendall(put(b"x" * 4 * MIB) + b"x" * 4 * MIB)
        statuses.append(read_reply(sock).status)

    clients = [threading.Thread(target=client) for _ in range(12)]
    for each in clients:
        each.start()
    for each in clients:
        each.join(120)
    assert statuses == [200] * 12
    assert 8 * MIB <= peak <= 18 * MIB


def test_a_body_that_never_gets_room_is_told_to_come_back(start: Start):
    live = start(bodies=BodyOptions(body_budget_bytes=1, room_seconds_max=0.2))
    holder = live.connect()
    holder.sendall(put(b"x" * 16 * MIB))
    wait_until(lambda: live.face._bodies.bytes_taken > 0, "the first body has no room")
    sock = live.connect()
    sock.sendall(put(b"y" * 4 * MIB))
    reply = read_reply(sock)
    assert reply.status == 503
    assert reply.headers["x-amz-retry-after"] == "2000"


def test_a_body_that_trickles_loses_its_room(start: Start):
    live = start(bodies=BodyOptions(body_seconds_base=0.3, body_rate_min=1 * MIB))
    sock = live.connect()
    body = b"x" * 200_000
    sock.sendall(put(body))
    wait_until(lambda: live.face._bodies.bytes_taken > 0, "the body has no room")
    while live.face._bodies.bytes_taken:
        try:
            sock.sendall(b"xxxx")
        except ConnectionError:
            break
        time.sleep(0.05)
    assert read_reply(sock).headers["x-amzn-errortype"] == "NotReadableInputStreamException"


def test_bodies_of_strangers_cannot_use_up_the_room_of_customers(start: Start):
    live = start()
    target = "/backup-jobs/j1/object/o1"
    for _ in range(20):
        head = [pair for pair in signed("PUT", target, b"") if pair[0] != b"x-amz-content-sha256"]
        live.connect().sendall(render("PUT", target, [*head, (b"content-length", b"1000000")]) + b"x" * 100)
    time.sleep(0.2)
    sock = live.connect()
    body = b"z" * 8 * MIB
    sock.sendall(put(body) + body)
    assert read_reply(sock).status == 200


def large_chunk(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
    return {"Data": b"d" * 16 * MIB, "Length": 16 * MIB, "Checksum": "c", "ChecksumAlgorithm": "SHA256"}


def get(token: str) -> bytes:
    target = f"/restore-jobs/j1/chunk/{token}"
    return render("GET", target, signed("GET", target))


def test_a_large_answer_arrives_whole(start: Start):
    sock = start(handlers={"GetChunk": large_chunk}).connect()
    for _ in range(3):
        sock.sendall(get("t"))
        reply = read_reply(sock)
        assert reply.headers["x-amz-data-length"] == str(16 * MIB)
        assert reply.body == b"d" * 16 * MIB


def test_a_reader_that_stops_reading_is_cut_off_and_its_room_given_back(start: Start):
    live = start(handlers={"GetChunk": large_chunk}, connection=ConnectionOptions(write_idle_seconds_max=1.0))
    sock = live.connect()
    sock.sendall(get("t"))
    wait_until(lambda: live.face._answers.bytes_taken == 16 * MIB, "the answer has no room")
    wait_until(lambda: live.face._answers.bytes_taken == 0, "the answer keeps its room")
    wait_until(lambda: len(live.server.server_state.connections) == 0, "the connection is kept")


def test_a_stop_lets_an_upload_finish_and_refuses_new_connections(start: Start):
    live = start()
    sock, idle = live.connect(), live.connect()
    body = b"x" * MIB
    sock.sendall(put(body) + body[:1000])
    wait_until(lambda: live.face._bodies.bytes_taken > 0, "the upload has not begun")
    live.loop.call_soon_threadsafe(live.server.stop)
    time.sleep(0.5)
    assert live.thread.is_alive()
    assert closed(idle)
    sock.sendall(body[1000:])
    reply = read_reply(sock)
    assert reply.status == 200
    assert reply.headers["connection"] == "close"
    live.stop()


def test_a_handler_that_breaks_is_a_500_without_details_and_a_traceback_in_the_log(start: Start):
    def broken(caller: Caller, params: dict[str, Any]) -> Mapping[str, object]:
        raise KeyError("very private")

    live = start(handlers={**HANDLERS, "PutChunk": broken})
    sock = live.connect()
    sock.sendall(put(b"a") + b"a")
    reply = read_reply(sock)
    assert reply.status == 500
    assert reply.headers["x-amzn-errortype"] == "ServiceInternalException"
    assert b"private" not in reply.body
    events = [json.loads(line) for line in live.log.getvalue().splitlines()]
    defect = next(event for event in events if event["event"] == "defect")
    assert "very private" in defect["exception"]
    assert defect["request_id"] == reply.headers["x-amzn-requestid"]


def test_the_open_page_shows_nothing_that_depends_on_what_the_store_holds(start: Start):
    live = start()
    live.metrics.chunk_deduplicated(1000)
    client = http.client.HTTPConnection("127.0.0.1", live.port)
    client.request("GET", "/metrics")
    page = client.getresponse().read()
    client.close()
    assert b"holdfast_requests" in page
    for family in (b"deduplicated", b"stored", b"compressed", b"chunk_bytes", b"seconds_sum", b"seconds_bucket"):
        assert family not in page


def test_health_and_numbers_need_no_credentials(start: Start):
    live = start()
    client = http.client.HTTPConnection("127.0.0.1", live.port)
    for path, content in (("/health/live", b"alive"), ("/health/ready", b"ready"), ("/metrics", b"holdfast_")):
        client.request("GET", path)
        response = client.getresponse()
        assert response.status == 200
        assert content in response.read()
    client.close()

"""Peers that move bytes slowly hold memory only until another one needs it."""

import contextlib
import socket
import time

from holdfast.model.limits import MIB
from holdfast.server.asgi import BodyOptions
from holdfast.server.budget import Pressure
from tests.server.live import HANDLERS, UNSIGNED, Live, Start, chunk_target, read_reply, render, signed

CHUNK = b"c" * (16 * MIB)
AT_ONCE = Pressure(wait_seconds=0.05, grace_seconds=0.05, rate_min=1 << 40)


def get_chunk(caller: object, params: object) -> dict[str, object]:
    return {"Data": CHUNK, "Length": len(CHUNK), "Checksum": "x", "ChecksumAlgorithm": "SHA256"}


GETTING = {**HANDLERS, "GetChunk": get_chunk}


def ask_for_a_chunk(live: Live) -> socket.socket:
    sock, target = live.connect(), "/restore-jobs/j1/chunk/t1"
    sock.sendall(render("GET", target, signed("GET", target)))
    return sock


def test_answers_that_are_not_read_give_way_to_others(start: Start):
    bodies = BodyOptions(answer_budget_bytes=33 * MIB, pressure=AT_ONCE)
    live = start(GETTING, bodies=bodies)
    lazy = [ask_for_a_chunk(live) for _ in range(2)]
    assert all(sock.recv(12) == b"HTTP/1.1 200" for sock in lazy)
    reply = read_reply(ask_for_a_chunk(live))
    assert (reply.status, len(reply.body)) == (200, len(CHUNK))
    assert b'reason="slow reader, others wait"' in live.metrics.page()


def test_an_answer_must_be_read_at_a_least_rate(start: Start):
    bodies = BodyOptions(answer_seconds_base=0.2, body_rate_min=1 << 40)
    live = start(GETTING, bodies=bodies)
    sock = ask_for_a_chunk(live)
    while b'reason="slow reader"' not in live.metrics.page():
        time.sleep(0.02)
    received = 0
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            received += len(piece)
    assert received < len(CHUNK)


def test_bodies_that_do_not_come_give_way_to_others(start: Start):
    live = start(bodies=BodyOptions(body_budget_bytes=33 * MIB, pressure=AT_ONCE))
    target = chunk_target(CHUNK)
    head = render("PUT", target, [*signed("PUT", target, payload=UNSIGNED), (b"content-length", b"%d" % len(CHUNK))])
    lazy = [live.connect() for _ in range(2)]
    for sock in lazy:
        sock.sendall(head + b"c")
    quick = live.connect()
    quick.sendall(head)
    quick.sendall(CHUNK)
    assert read_reply(quick).status == 200
    refused = read_reply(lazy[0])
    assert refused.status == 503
    assert b"others waited" in refused.body

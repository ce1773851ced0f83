"""A bucket behind a bad network: what is answered is true, and what is not answered is all there or not at all."""

import random
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import AlreadyExists, NotFound, Unavailable
from scripts.servers.fault_proxy import FaultProxy
from scripts.servers.rgw import RadosGateway
from tests.blobs.middleman import Middleman, Step, answer, lose, lose_all_but

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def port(rgw_server: RadosGateway) -> int:
    return int(rgw_server.endpoint.rpartition(":")[2])


@pytest.fixture
def proxy(port: int) -> Iterator[FaultProxy]:
    with FaultProxy(port) as proxy:
        yield proxy


@pytest.fixture
def middleman(port: int) -> Iterator[Middleman]:
    with Middleman(port) as middleman:
        yield middleman


@pytest.fixture
def direct(bucket: S3Options) -> S3Blobs:
    return S3Blobs(bucket)


def through(bucket: S3Options, between: FaultProxy | Middleman, **changes: float) -> S3Blobs:
    changed = {"patience_seconds": 5.0, "stall_seconds": 2.0} | changes
    return S3Blobs(replace(bucket, endpoint=f"http://127.0.0.1:{between.port}", **changed))  # type: ignore[arg-type]


def data_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_a_write_whose_answer_was_lost_is_a_write(bucket: S3Options, middleman: Middleman, direct: S3Blobs) -> None:
    middleman.steps = [lose]
    through(bucket, middleman).put("keys/one", b"mine")
    assert [request.split()[0] for request in middleman.requests] == [b"PUT", b"PUT", b"GET"]
    assert direct.get("keys/one") == b"mine"


def test_a_lost_answer_is_remembered_through_refusals(bucket: S3Options, middleman: Middleman, direct: S3Blobs) -> None:
    middleman.steps = [lose, answer("429 Too Many Requests"), answer("409 Conflict")]
    through(bucket, middleman).put("keys/one", b"mine")
    assert direct.get("keys/one") == b"mine"


@pytest.mark.parametrize("first", [lose, answer("503 Slow Down", "SlowDown"), answer("409 Conflict")])
def test_a_name_that_somebody_else_took_meanwhile_is_taken(
    bucket: S3Options, middleman: Middleman, direct: S3Blobs, first: Step
) -> None:
    def overtaken(request: bytes, middleman: Middleman) -> bytes:
        direct.put("keys/one", b"theirs")
        return first(request, middleman)

    middleman.steps = [overtaken]
    with pytest.raises(AlreadyExists):
        through(bucket, middleman).put("keys/one", b"mine")
    assert direct.get("keys/one") == b"theirs"


def test_the_same_bytes_under_a_taken_name_are_refused_where_no_answer_was_lost(
    bucket: S3Options, middleman: Middleman, direct: S3Blobs
) -> None:
    direct.put("keys/one", b"same")
    with pytest.raises(AlreadyExists):
        through(bucket, middleman).put("keys/one", b"same")
    assert len(middleman.requests) == 1


def test_a_pack_whose_answer_was_lost_is_sent_again(bucket: S3Options, middleman: Middleman, direct: S3Blobs) -> None:
    middleman.steps = [lose, lose, answer("500 Internal", "InternalError")]
    through(bucket, middleman).put_new("packs/one", [b"head", memoryview(b"xbodyx")[1:5], bytearray(b"end")])
    assert direct.get("packs/one") == b"headbodyend"


def test_a_delete_whose_answer_was_lost_is_a_delete(bucket: S3Options, middleman: Middleman, direct: S3Blobs) -> None:
    direct.put("packs/one", b"data")
    middleman.steps = [lose]
    through(bucket, middleman).delete("packs/one")
    with pytest.raises(NotFound):
        direct.get("packs/one")


@pytest.mark.parametrize("kept", [0, 1, 20, 150, 400, 700, 1500])
def test_an_answer_that_breaks_off_anywhere_is_asked_for_again(
    bucket: S3Options, middleman: Middleman, direct: S3Blobs, kept: int
) -> None:
    data = data_of(3000)
    direct.put("packs/one", data)
    blobs = through(bucket, middleman)
    middleman.steps = [lose_all_but(kept)]
    assert blobs.get("packs/one") == data
    middleman.steps = [lose_all_but(kept)]
    assert blobs.read("packs/one", 500, 2000) == data[500:2500]
    middleman.steps = [lose_all_but(kept)]
    assert blobs.size("packs/one") == 3000
    middleman.steps = [lose_all_but(kept)]
    assert list(blobs.list("packs/")) == ["packs/one"]


def shortened(request: bytes, middleman: Middleman) -> bytes:
    """An answer whose head is honest about the range and whose body is shorter, with the length to match."""
    head, _, body = middleman.ask(request).partition(b"\r\n\r\n")
    short = body[: len(body) // 2]
    return re.sub(rb"(?i)content-length: \d+", b"content-length: %d" % len(short), head) + b"\r\n\r\n" + short


def test_fewer_bytes_than_were_asked_for_are_never_handed_out(
    bucket: S3Options, middleman: Middleman, direct: S3Blobs
) -> None:
    data = data_of(3000)
    direct.put("packs/one", data)
    middleman.steps = [shortened, shortened]
    assert through(bucket, middleman).read("packs/one", 500, 2000) == data[500:2500]
    middleman.steps = [shortened] * 1000
    with pytest.raises(Unavailable, match="sent 1000 bytes where 2000 were asked for"):
        through(bucket, middleman, patience_seconds=0.1).read("packs/one", 500, 2000)


@pytest.mark.parametrize("after", [0, 100, 900, 64 * KIB, MIB, 3 * MIB])
def test_an_upload_that_is_cut_once_arrives_whole(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs, after: int
) -> None:
    data = data_of(3 * MIB)
    blobs = through(bucket, proxy)
    proxy.cut_after(after, stays=False)
    blobs.put("one", data)
    assert direct.get("one") == data
    proxy.cut_after(after, stays=False)
    blobs.put_new("two", [data[: 2 * MIB], data[2 * MIB :]])
    assert direct.get("two") == data


def test_of_uploads_that_are_cut_for_good_nobody_ever_sees_a_part(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs
) -> None:
    data = data_of(2 * MIB)
    stop = threading.Event()
    parts: list[tuple[str, int]] = []
    names = [f"packs/{i}" for i in range(12)]

    def look() -> None:
        while not stop.is_set():
            for name in names:
                try:
                    found = direct.get(name)
                except NotFound:
                    continue
                if found != data:
                    parts.append((name, len(found)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for i, name in enumerate(names):
            proxy.cut_after(i * 180 * KIB)
            blobs = through(bucket, proxy, patience_seconds=0.05)
            with pytest.raises(Unavailable, match=r"connection broke|cannot be reached"):
                blobs.put_new(name, data) if i % 2 else blobs.put(name, data)
            proxy.pass_all()
    finally:
        stop.set()
        watcher.join()
    assert parts == []
    for name in direct.list("packs/"):
        assert direct.get(name) == data


@pytest.mark.parametrize("after", [0, 200, 600, MIB, 3 * MIB])
def test_a_download_that_is_cut_once_is_whole_and_one_that_is_cut_for_good_is_nothing(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs, after: int
) -> None:
    data = data_of(3 * MIB)
    direct.put("one", data)
    blobs = through(bucket, proxy)
    proxy.cut_after(after, stays=False)
    assert blobs.get("one") == data
    proxy.cut_after(after, stays=False)
    assert blobs.read("one", 1000, 5 * MIB) == data[1000:]
    proxy.cut_after(after)
    with pytest.raises(Unavailable):
        through(bucket, proxy, patience_seconds=0.05).get("one")


def test_a_connection_that_is_half_open_holds_nobody_for_long(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs
) -> None:
    direct.put("one", b"data")
    blobs = through(bucket, proxy, stall_seconds=0.3, patience_seconds=0.3, upload_bytes_per_second_min=8 * MIB)
    assert blobs.get("one") == b"data"
    proxy.half_open()
    verbs = [
        lambda: blobs.get("one"),
        lambda: blobs.read("one", 0, 2),
        lambda: blobs.put("two", b"data"),
        lambda: blobs.put_new("three", bytes(2 * MIB)),
        lambda: blobs.delete("one"),
        lambda: list(blobs.list("")),
    ]
    for verb in verbs:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"it fell silent for 0\.3 s or more"):
            verb()
        # Twice, once of them with the time that two MiB need; and what a busy machine needs.
        assert time.monotonic() - began < 15
    proxy.pass_all()
    assert blobs.get("one") == b"data"
    assert list(direct.list("")) == ["one"]


def test_a_half_open_connection_that_was_idle_costs_one_attempt(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs
) -> None:
    direct.put("one", b"data")
    blobs = through(bucket, proxy, stall_seconds=0.5, patience_seconds=0.1)
    assert blobs.get("one") == b"data"
    proxy.half_open()
    timer = threading.Timer(0.25, proxy.pass_all)
    timer.start()
    assert blobs.get("one") == b"data"
    timer.join()


def test_a_slow_network_is_waited_for_as_long_as_bytes_come(
    bucket: S3Options, proxy: FaultProxy, direct: S3Blobs
) -> None:
    data = data_of(2 * MIB)
    direct.put("one", data)
    blobs = through(bucket, proxy, stall_seconds=0.8, patience_seconds=0.1)
    proxy.slow(1.5 * MIB)
    assert blobs.get("one") == data
    blobs.put("two", data)
    proxy.pass_all()
    assert direct.get("two") == data


def test_an_upload_slower_than_is_allowed_is_given_up(bucket: S3Options, proxy: FaultProxy, direct: S3Blobs) -> None:
    blobs = through(bucket, proxy, stall_seconds=0.2, patience_seconds=0.1, upload_bytes_per_second_min=4 * MIB)
    proxy.slow(0.2 * MIB)
    with pytest.raises(Unavailable, match="fell silent"):
        blobs.put_new("one", bytes(MIB))
    proxy.cut()
    with pytest.raises(NotFound):
        direct.size("one")


def test_a_late_network_is_waited_for(bucket: S3Options, proxy: FaultProxy) -> None:
    proxy.delay(0.1)
    blobs = through(bucket, proxy)
    blobs.put("one", b"data")
    assert blobs.read("one", 1, 2) == b"at"


def test_a_store_that_comes_back_in_time_is_not_missed(
    rgw_server: RadosGateway, bucket: S3Options, direct: S3Blobs
) -> None:
    blobs = S3Blobs(bucket)
    blobs.put("before", b"data")
    rgw_server.stop()
    with ThreadPoolExecutor(3) as pool:
        waiting = [
            pool.submit(blobs.put, "during", b"data"),
            pool.submit(blobs.read, "before", 0, 4),
            pool.submit(blobs.put_new, "packs/during", [b"da", b"ta"]),
        ]
        time.sleep(0.3)
        rgw_server.start()
        assert [answer.result() for answer in waiting] == [None, b"data", None]
    assert sorted(direct.list("")) == ["before", "during", "packs/during"]


def test_a_long_listing_goes_on_where_it_broke_off(bucket: S3Options, middleman: Middleman, direct: S3Blobs) -> None:
    names = [f"packs/{i:05}" for i in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: direct.put_new(name, b"x"), names))
    middleman.steps = [lose_all_but(5000), answer("503 Slow Down", "SlowDown")]
    middleman.on = b"start-after"
    assert list(through(bucket, middleman).list("packs/")) == names
    assert len(middleman.requests) == 4
    middleman.requests.clear()
    listing = through(bucket, middleman).list("packs/0")
    assert next(listing) == "packs/00000"
    assert len(middleman.requests) == 1, "a page is asked for when it is wanted"

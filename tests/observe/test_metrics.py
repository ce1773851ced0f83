from holdfast.observe.metrics import Metrics


def values(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.page().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_two_services_in_one_process_do_not_share_a_counter():
    one, other = Metrics(), Metrics()
    one.request("PutChunk", 200, 0.01, 5, 7)
    assert values(one)['holdfast_requests_total{operation="PutChunk",status="200"}'] == 1
    assert not any("PutChunk" in name for name in values(other))


def test_requests_are_counted_with_their_bytes_and_seconds():
    metrics = Metrics()
    metrics.request("PutChunk", 200, 0.02, 100, 10)
    metrics.request("PutChunk", 500, 0.02, 50, 10)
    found = values(metrics)
    assert found['holdfast_requests_total{operation="PutChunk",status="500"}'] == 1
    assert found["holdfast_received_bytes_total"] == 150
    assert found["holdfast_sent_bytes_total"] == 20
    assert found['holdfast_request_seconds_count{operation="PutChunk"}'] == 2
    assert found['holdfast_request_seconds_bucket{le="0.01",operation="PutChunk"}'] == 0
    assert found['holdfast_request_seconds_bucket{le="0.025",operation="PutChunk"}'] == 2


def test_savings_are_told_apart():
    metrics = Metrics()
    metrics.chunk_stored(1000, 300)
    metrics.chunk_stored(100, 164)
    metrics.chunk_deduplicated(1000)
    found = values(metrics)
    assert found["holdfast_chunk_bytes_total"] == 2100
    assert found["holdfast_stored_bytes_total"] == 464
    assert found["holdfast_compressed_bytes_total"] == 700
    assert found["holdfast_deduplicated_bytes_total"] == 1000


def test_a_watched_value_is_asked_when_the_page_is_read():
    metrics, room = Metrics(), [3.0]
    metrics.watch("holdfast_room", "Room", lambda: room[0])
    assert values(metrics)["holdfast_room"] == 3
    room[0] = 4
    assert values(metrics)["holdfast_room"] == 4


def test_the_page_is_only_what_somebody_would_ask_for():
    metrics = Metrics()
    metrics.request("PutChunk", 200, 0.01, 5, 7)
    metrics.group_committed(4, 0.001)
    assert b"_created" not in metrics.page()


def test_what_everyone_may_read_is_the_same_for_a_chunk_that_is_held_and_one_that_is_new():
    pages = []
    for is_held in (False, True):
        metrics = Metrics()
        if is_held:
            metrics.chunk_deduplicated(1000)
            metrics.group_committed(1, 0.002)
        else:
            metrics.chunk_stored(1000, 300)
            metrics.group_committed(1, 0.03)
        metrics.request("PutChunk", 200, 0.001 if is_held else 0.03, 1000, 80)
        metrics.watch("holdfast_connections", "Connections", lambda: 3)
        metrics.watch("holdfast_packs_of_tomorrow", "Packs", lambda held=is_held: float(held))
        pages.append(metrics.page(for_everyone=True))
        assert b"holdfast_packs_of_tomorrow" in metrics.page()
    assert pages[0] == pages[1]
    assert b'holdfast_requests_total{operation="PutChunk",status="200"} 1.0' in pages[0]
    assert b"holdfast_connections 3.0" in pages[0]

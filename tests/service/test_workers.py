"""Several workers behind one address: they are one service, whichever of them is asked and whichever dies."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.client.api import Api
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.errors import HoldfastError
from tests.backends import Backend, embedded_only
from tests.in_parallel import Countdown, in_parallel
from tests.service.workers import WorkersProcess, is_alive, wait_until

CLIENTS = 32
ROLE = "arn:aws:iam::000000000000:role/backup"
MEMORY_BYTES_MAX = 400 << 20
Start = Callable[[int], WorkersProcess]


@pytest.fixture
def start(backend: Backend, tmp_path: Path) -> Iterator[Start]:
    """Starts that many workers on the test's one store."""
    place = backend.place(tmp_path / "store")
    started: list[WorkersProcess] = []

    def start(workers: int) -> WorkersProcess:
        process = WorkersProcess(place, workers)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        if is_alive(process.pid):
            process.kill()
        assert "Traceback" not in "".join(process.log), "".join(process.log[-50:])


def start_job(api: Api, name: str) -> str:
    return api.start_backup_job("default", source_arn(name), ROLE).backup_job_id


def put(api: Api, job_id: str, name: str, data: bytes) -> None:
    api.put_object(job_id, name, data, checksum.digest(data))


def read_back(api: Api, job_id: str, names: list[str]) -> dict[str, bytes]:
    """The contents of these objects of one chunk or none, each read through the nine operations' own path."""
    tokens: dict[str, str] = {}
    page: str | None = None
    while True:
        answer = api.scan_objects(job_id, next_token=page)
        tokens.update((entry.name, entry.object_token) for entry in answer.object_list)
        page = answer.next_token
        if page is None:
            break
    found: dict[str, bytes] = {}
    for begin in range(0, len(names), 200):
        some = names[begin : begin + 200]
        for name, record in zip(some, api.get_objects(job_id, [tokens[name] for name in some]), strict=True):
            found[name] = b"".join(data for _, data in record.chunks)
    return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("workers", [2, 3])
def test_many_clients_write_and_read_through_all_of_them(start: Start, workers: int) -> None:
    service = start(workers)
    api = service.api(attempts_max=6)
    job_id = start_job(api, "crowd")
    before = service.numbers()
    written: dict[str, bytes] = {}
    finished = threading.Barrier(CLIENTS)

    def work(client: int) -> None:
        own = service.api(attempts_max=6)
        objects = {f"{client:02}/{n}": b"shared" if n % 5 == 0 else os.urandom(2000) for n in range(20)}
        for name, data in objects.items():
            put(own, job_id, name, data)
        large = os.urandom(300_000)
        upload_id = own.start_object(job_id, f"{client:02}/large")
        own.put_chunk(job_id, upload_id, 0, large, checksum.digest(large))
        own.notify_object_complete(job_id, upload_id, checksum.summary([checksum.digest(large)]))
        written.update(objects | {f"{client:02}/large": large})
        finished.wait()
        # What another client wrote, through whichever worker, is there at once.
        neighbour = f"{(client + 1) % CLIENTS:02}/"
        page = own.scan_objects(job_id, prefix=neighbour)
        assert {entry.name for entry in page.object_list} == {name for name in written if name.startswith(neighbour)}
        own.close()

    in_parallel(work, CLIENTS)
    after = service.numbers()
    point = api.commit_backup_job(job_id)
    assert point.object_count == len(written) == CLIENTS * 21
    restore_id = api.start_restore_job(point.recovery_point_arn)
    assert read_back(api, restore_id, list(written)) == written
    api.close()

    requests = 'holdfast_requests_total{operation="PutObject",status="200"}'
    assert after[requests] - before.get(requests, 0) == CLIENTS * 20
    each = [service.counted_by(worker, "holdfast_requests") for worker in range(1, workers + 1)]
    print(f"requests by worker: {each}")
    assert all(each), "a worker was asked nothing"
    peaks = [_peak_bytes(pid) for pid in service.pids()]
    print(f"peak memory by worker: {[peak >> 20 for peak in peaks]} MiB; supervisor {_peak_bytes(service.pid) >> 20}")
    assert max(peaks) < MEMORY_BYTES_MAX
    assert service.stop() == 0


@pytest.mark.timeout(400)
def test_a_worker_that_is_killed_again_and_again_loses_nothing_and_stops_nobody(start: Start) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    dice = random.Random(seed)
    service = start(2)
    api = service.api(attempts_max=6)
    job_id = start_job(api, "killed")
    over = threading.Event()
    acknowledged: dict[str, bytes] = {}
    lost: list[str] = []

    def work(client: int) -> None:
        # As a client that has been told nothing: one attempt, and another name after a failure.
        own = service.api()
        number = 0
        while not over.is_set():
            data = os.urandom(dice.choice([10, 3000, 20_000]))
            name = f"{client:02}/{number}"
            number += 1
            try:
                put(own, job_id, name, data)
                acknowledged[name] = data
            except HoldfastError:
                lost.append(name)
        own.close()

    def kill() -> None:
        try:
            kill_six_times()
        finally:
            over.set()

    def kill_six_times() -> None:
        spared = service.pids()[0]
        for _ in range(6):
            time.sleep(dice.uniform(0.2, 2.0))
            count = len(acknowledged)
            victim = next(pid for pid in reversed(service.pids()) if pid != spared)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda victim=victim: not is_alive(victim), "it was killed")  # type: ignore[misc]
            wait_until(lambda count=count: len(acknowledged) > count + 20, "the others do not go on")  # type: ignore[misc]
            service.wait_for_all()
            numbers.append(service.numbers()["holdfast_received_bytes_total"])
        assert spared in service.pids()

    numbers: list[float] = []
    in_parallel(lambda number: kill() if number == 0 else work(number), 17)
    print(f"{len(acknowledged)} acknowledged, {len(lost)} not answered")
    assert numbers == sorted(numbers), "a counter went backwards"
    point = api.commit_backup_job(job_id)
    restore_id = api.start_restore_job(point.recovery_point_arn)
    assert read_back(api, restore_id, list(acknowledged)) == acknowledged
    api.close()
    assert service.stop() == 0


@embedded_only("on PostgreSQL nobody holds a lock")
@pytest.mark.timeout(200)
def test_workers_end_with_a_supervisor_that_is_killed_and_the_next_service_has_everything(start: Start) -> None:
    service = start(3)
    api = service.api(attempts_max=6)
    job_id = start_job(api, "orphans")
    api.close()
    workers = service.pids()
    acknowledged: dict[str, bytes] = {}

    def work(client: int) -> None:
        own = service.api()
        number = 0
        while True:
            data = os.urandom(1000)
            try:
                put(own, job_id, f"{client}/{number}", data)
            except HoldfastError:
                own.close()
                return
            acknowledged[f"{client}/{number}"] = data
            number += 1
            killer.count()

    killer = Countdown(200, service.kill)
    in_parallel(work, 8)
    wait_until(lambda: not any(map(is_alive, workers)), "a worker outlives its supervisor", 5)
    sizes = _sizes(service.data)
    again = start(2)
    assert _sizes(service.data) == sizes
    api = again.api(attempts_max=6)
    assert read_back(api, job_id, list(acknowledged)) == acknowledged
    put(api, job_id, "later", b"later")
    api.close()
    assert len(acknowledged) >= 200
    assert again.stop() == 0


@pytest.mark.timeout(200)
def test_a_worker_that_is_stopped_holds_nobody_up_for_long(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a directory it may be stopped while it writes, and then everybody waits until it is killed.
    monkeypatch.setenv("HOLDFAST_NODE_SILENCE", "8")
    service = start(2)
    api = service.api(attempts_max=6)
    job_id = start_job(api, "stopped")
    stopped = service.pids()[0]
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: not is_alive(stopped), "it is not noticed", 100)
    service.wait_for_all()
    put(api, job_id, "name", b"data")
    api.close()
    assert service.stop() == 0


@embedded_only("it is about processes")
@pytest.mark.timeout(200)
def test_ctrl_c_is_for_the_supervisor_and_the_workers_are_asked_once(start: Start) -> None:
    service = start(2)
    assert {os.getpgid(pid) for pid in service.pids()}.isdisjoint({os.getpgid(service.pid)})
    os.kill(service.pid, signal.SIGINT)
    assert service._process is not None
    assert service._process.wait(60) == 0


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("this kernel does not count VmHWM")


def _sizes(store: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (store / "blobs" / "packs").rglob("*") if path.is_file()}

"""Many clients in one job at once, and a server that is killed in the middle of it."""

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdfast.client.api import Api
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.errors import DataExists, HoldfastError
from tests.backends import Backend
from tests.in_parallel import Countdown, in_parallel
from tests.lengths import BOTH, Length
from tests.service.server_process import ServerProcess

CLIENTS = 100
OBJECTS_EACH = {"short": {"embedded": 40, "shared": 4}, "full": {"embedded": 300, "shared": 30}}
"""Each object that is not alone in its moment costs two servers more there."""
CHOSEN_MAX = 2000
KILLS = {"short": {"embedded": 2, "shared": 1}, "full": {"embedded": 8, "shared": 4}}
ANSWERS = (50, 1000)
"""Of how many requests the answer came before the service is killed."""
ROLE = "arn:aws:iam::000000000000:role/backup"


@pytest.fixture
def server(backend: Backend, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(backend.place(tmp_path / "store"), "--log-level", "warning")
    process.start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in "".join(process.log)


def _start_job(api: Api, name: str) -> str:
    return api.start_backup_job("default", source_arn(name), ROLE).backup_job_id


def _content(client: int, number: int) -> bytes:
    # Every seventh object is the same in all clients: the same chunk many times in flight.
    return b"shared %d" % number if number % 7 == 0 else b"client %d object %d" % (client, number)


def _name(client: int, number: int) -> str:
    return f"client {client:03}/{number:04}"


def _listed(api: Api, job_id: str, prefix: str | None = None) -> dict[str, tuple[str, str]]:
    """Checksum and token by name of everything in the view."""
    found: dict[str, tuple[str, str]] = {}
    token: str | None = None
    while True:
        page = api.scan_objects(job_id, prefix=prefix, next_token=token)
        found.update((entry.name, (entry.object_checksum, entry.object_token)) for entry in page.object_list)
        token = page.next_token
        if token is None:
            return found


def _summary(*chunks: bytes) -> str:
    return checksum.encode(checksum.summary(map(checksum.digest, chunks)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("length", BOTH)
def test_a_hundred_clients_in_one_job_lose_nothing_and_see_each_other(
    server: ServerProcess, backend: Backend, length: Length
) -> None:
    objects_each = OBJECTS_EACH[length][backend.kind]
    api = server.api(attempts_max=6)
    job_id = _start_job(api, "crowd")
    finished = threading.Barrier(CLIENTS)

    def work(client: int) -> None:
        for number in range(objects_each):
            data = _content(client, number)
            api.put_object(job_id, _name(client, number), data, checksum.digest(data))
        finished.wait()
        neighbour = (client + 1) % CLIENTS
        seen = _listed(api, job_id, f"client {neighbour:03}/")
        expected = {_name(neighbour, number): _summary(_content(neighbour, number)) for number in range(objects_each)}
        assert {name: entry[0] for name, entry in seen.items()} == expected

    in_parallel(work, CLIENTS)
    committed = api.commit_backup_job(job_id)
    assert committed.object_count == CLIENTS * objects_each
    restore_id = api.start_restore_job(committed.recovery_point_arn)
    everything = _listed(api, restore_id)
    assert len(everything) == CLIENTS * objects_each
    chosen = random.Random(5).sample(sorted(everything), min(CHOSEN_MAX, len(everything)))
    records = api.get_objects(restore_id, [everything[name][1] for name in chosen])
    for name, record in zip(chosen, records, strict=True):
        client, number = int(name[7:10]), int(name[11:])
        assert [data for _, data in record.chunks] == [_content(client, number)]
    api.close()


@dataclass
class _Acknowledged:
    """What the server has said it has: objects by name, chunks by upload and index."""

    objects: dict[str, bytes] = field(default_factory=dict)
    chunks: dict[str, dict[int, bytes]] = field(default_factory=dict)


def _write_until_refused(
    api: Api, job_id: str, generation: int, client: int, acked: _Acknowledged, answered: Callable[[], None]
) -> None:
    rng = random.Random(f"{generation}/{client}")
    number = 0
    try:
        upload_id = api.start_object(job_id, f"upload {generation}/{client}")
        acked.chunks[upload_id] = {}
        while True:
            data = rng.randbytes(rng.choice([0, 10, 3000, 40_000]))
            if number % 3 == 0:
                api.put_chunk(job_id, upload_id, number, data, checksum.digest(data))
                acked.chunks[upload_id][number] = data
            else:
                name = f"object {generation}/{client}/{number}"
                api.put_object(job_id, name, data, checksum.digest(data))
                acked.objects[name] = data
            number += 1
            answered()
    except HoldfastError:
        # The server is gone. What was under way is not acknowledged, and may be there or not.
        return


@pytest.mark.timeout(600)
@pytest.mark.parametrize("length", BOTH)
def test_what_was_acknowledged_survives_a_kill_at_any_moment(backend: Backend, tmp_path: Path, length: Length) -> None:
    kills = KILLS[length][backend.kind]
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    moments = random.Random(seed)
    server = ServerProcess(backend.place(tmp_path / "store"), "--log-level", "warning")
    server.start()
    api = server.api(attempts_max=6)
    job_id = _start_job(api, "killed")
    api.close()
    acknowledged: list[_Acknowledged] = []
    chunks = 0
    for generation in range(kills):
        api = server.api()
        round_acked = [_Acknowledged() for _ in range(CLIENTS)]
        acknowledged += round_acked
        killer = Countdown(moments.randrange(*ANSWERS), server.kill)

        def work(
            client: int,
            api: Api = api,
            acked: list[_Acknowledged] = round_acked,
            generation: int = generation,
            killer: Countdown = killer,
        ) -> None:
            _write_until_refused(api, job_id, generation, client, acked[client], killer.count)

        in_parallel(work, CLIENTS)
        api.close()
        server.start()
        chunks += sum(len(held) for acked in round_acked for held in acked.chunks.values())
        try:
            _assert_all_there(server, job_id, acknowledged)
        except BaseException:
            print("".join(server.log[-100:]))
            raise
    objects = sum(len(acked.objects) for acked in acknowledged)
    print(f"{kills} kills, {objects} objects and {chunks} chunks acknowledged, none lost")
    assert objects + chunks >= kills * ANSWERS[0]
    assert server.stop() == 0


def _assert_all_there(server: ServerProcess, job_id: str, acknowledged: list[_Acknowledged]) -> None:
    api = server.api(attempts_max=6)
    listed = _listed(api, job_id)
    for acked in acknowledged:
        for name, data in acked.objects.items():
            assert listed[name][0] == _summary(data), f"{name} was acknowledged and is lost"
    names = [name for acked in acknowledged for name in acked.objects]
    contents = {name: data for acked in acknowledged for name, data in acked.objects.items()}
    for start in range(0, len(names), 200):
        some = names[start : start + 200]
        for name, record in zip(some, api.get_objects(job_id, [listed[name][1] for name in some]), strict=True):
            assert b"".join(data for _, data in record.chunks) == contents[name]
    # An upload whose SUMMARY is right holds exactly the acknowledged chunks, but for the one that was under way.
    for acked in acknowledged:
        for upload_id, chunks in acked.chunks.items():
            _assert_chunks_there(api, job_id, upload_id, chunks)
        acked.chunks.clear()
    api.close()


def _assert_chunks_there(api: Api, job_id: str, upload_id: str, chunks: dict[int, bytes]) -> None:
    in_order = [chunks[index] for index in sorted(chunks)]
    try:
        api.notify_object_complete(job_id, upload_id, checksum.summary(map(checksum.digest, in_order)))
    except HoldfastError:
        # The chunk that was under way when the server died may have been stored: then it is chunk last + 3.
        missing = [index for index, data in chunks.items() if not _holds(api, job_id, upload_id, index, data)]
        assert not missing, f"chunks {missing} were acknowledged and are lost"


def _holds(api: Api, job_id: str, upload_id: str, index: int, data: bytes) -> bool:
    other = data + b"other"
    try:
        api.put_chunk(job_id, upload_id, index, other, checksum.digest(other))
    except DataExists as refused:
        return refused.checksum == checksum.encode(checksum.digest(data))
    return False

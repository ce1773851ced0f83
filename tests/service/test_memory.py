"""The server's memory is bounded by its configuration, not by its clients."""

import os
from pathlib import Path

from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.limits import MIB
from tests.backends import Backend
from tests.in_parallel import in_parallel
from tests.service.server_process import ServerProcess

CLIENTS = 64
CHUNK_BYTES = 8 * MIB
CHUNKS_EACH = {"embedded": 3, "shared": 1}
"""The bucket of the tests is kept in memory, twice."""
MEMORY_BYTES_MAX = {"embedded": 300 * 1000 * 1000, "shared": 400 * 1000 * 1000}


def test_memory_stays_bounded_while_64_clients_push_8_mib_chunks(backend: Backend, tmp_path: Path) -> None:
    chunks_each = CHUNKS_EACH[backend.kind]
    server = ServerProcess(backend.place(tmp_path / "store"), "--log-level", "warning")
    server.start()
    api = server.api(attempts_max=6)
    job_id = api.start_backup_job(
        "default", source_arn("pushers"), "arn:aws:iam::000000000000:role/backup"
    ).backup_job_id
    block = os.urandom(CHUNK_BYTES)

    def push(client: int) -> None:
        upload_id = api.start_object(job_id, f"object {client}")
        digests = []
        for index in range(chunks_each):
            # The chunks differ in their first bytes only, so that each is new to the store.
            data = [b"%8d" % (client * chunks_each + index), block[8:]]
            digests.append(checksum.digest(b"".join(data)))
            api.put_chunk(job_id, upload_id, index, data, digests[-1])
        api.notify_object_complete(job_id, upload_id, checksum.summary(digests))

    try:
        in_parallel(push, CLIENTS)
    finally:
        peak = server.peak_memory_bytes()
        print(f"peak resident memory {peak / 1e6:.0f} MB")
    api.close()
    assert server.stop() == 0
    assert peak < MEMORY_BYTES_MAX[backend.kind]

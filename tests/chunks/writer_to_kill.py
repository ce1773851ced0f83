"""A process that writes chunks through group commit until it is killed, and prints each location once acknowledged.

Run as: writer_to_kill.py DIRECTORY RUN. One line per acknowledged chunk: its content, then where it went.
"""

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.packs import PackSet
from holdfast.chunks.port import Location
from holdfast.chunks.store import ChunkStore
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose

VAULT = b"the-vault-uid-16"
WRITERS = 4


def content(run: str, writer: int, number: int) -> bytes:
    """What chunk `number` of a writer holds: of a length that crosses pages, packs and the smallest sizes."""
    seed = f"{run}/{writer}/{number}".encode()
    return hashlib.shake_128(seed).digest((number * 7919 + writer) % 20_000)


def open_keys(directory: Path) -> VaultKeys:
    ring = KeyRing(LocalKeyProvider.open(LocalBlobs(directory / "root")), LocalBlobs(directory))
    return ring.open(VAULT) if (directory / "keys").exists() else ring.create(VAULT)


def open_database(directory: Path) -> apsw.Connection:
    database = apsw.Connection(str(directory / "ledger.sqlite"))
    database.execute("pragma journal_mode = wal").fetchall()
    database.execute("pragma synchronous = full")
    database.execute("create table if not exists stored (chunk_id, pack, offset, frame_bytes, raw_bytes)")
    return database


class Ledger:
    def __init__(self, database: apsw.Connection) -> None:
        self.database = database

    def run(self, steps: Sequence[Callable[[apsw.Connection], object]], purpose: Purpose) -> list[Outcome]:
        with self.database:
            return [Outcome(value=step(self.database)) for step in steps]


def write_for_ever(run: str, writer: int, keys: VaultKeys, store: ChunkStore, commit: GroupCommit) -> None:
    number = 0
    while True:
        data = content(run, writer, number)
        frame = store.seal(keys, data, hashlib.sha256(data).digest())

        def apply(tx: apsw.Connection, locations: Sequence[Location], frame=frame) -> Location:
            (at,) = locations
            row = (frame.chunk_id, at.pack, at.offset, at.frame_bytes, frame.raw_bytes)
            tx.execute("insert into stored values (?, ?, ?, ?, ?)", row)
            return at

        at = commit.submit([frame], apply)
        os.write(1, f"{writer} {number} {at.pack.hex()} {at.offset} {at.frame_bytes}\n".encode())
        number += 1


def main() -> None:
    directory, run = Path(sys.argv[1]), sys.argv[2]
    keys = open_keys(directory)
    blobs = LocalBlobs(directory)
    commit = GroupCommit(
        PackSet(blobs, lambda vault, pack: None, pack_bytes_max=200_000), Ledger(open_database(directory))
    )
    for writer in range(WRITERS):
        threading.Thread(target=write_for_ever, args=(run, writer, keys, ChunkStore(blobs), commit)).start()


if __name__ == "__main__":
    main()

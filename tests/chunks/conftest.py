"""Keys, a store on a disk that can fail, and a small real database for the chunk store's tests."""

from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.port import Location
from holdfast.chunks.store import ChunkStore
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose
from holdfast.testing.faulty_disk import FaultyDisk


class Ledger:
    """Transactions over SQLite: each step in a savepoint, all steps in one transaction that is synced."""

    def __init__(self, path: Path) -> None:
        self.database = apsw.Connection(str(path))
        self.database.execute("pragma journal_mode = wal").fetchall()
        self.database.execute("pragma synchronous = full")
        self.database.execute("create table if not exists stored (chunk_id, pack, offset, frame_bytes, raw_bytes)")
        self.groups: list[int] = []
        self.purposes: list[Purpose] = []
        self.refuse = False

    def run(self, steps: Sequence[Callable[[apsw.Connection], object]], purpose: Purpose) -> list[Outcome]:
        if self.refuse:
            raise Unavailable("the database is gone")
        self.groups.append(len(steps))
        self.purposes.append(purpose)
        outcomes = []
        with self.database:
            for step in steps:
                try:
                    with self.database:
                        outcomes.append(Outcome(value=step(self.database)))
                except (HoldfastError, ValueError) as error:
                    outcomes.append(Outcome(error=error))
        return outcomes

    def rows(self) -> list[tuple[bytes, Location, int]]:
        found = self.database.execute("select chunk_id, pack, offset, frame_bytes, raw_bytes from stored").fetchall()
        return [(row[0], Location(row[1], row[2], row[3]), row[4]) for row in found]


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def blobs(tmp_path: Path, disk: FaultyDisk) -> LocalBlobs:
    return LocalBlobs(tmp_path / "store", disk=disk)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(tmp_path / "ring"))


@pytest.fixture
def keys(ring: KeyRing) -> VaultKeys:
    return ring.create(b"one-vault-uid-16")


@pytest.fixture
def other_keys(ring: KeyRing) -> VaultKeys:
    return ring.create(b"another-uid-of16")


@pytest.fixture
def store(blobs: LocalBlobs) -> ChunkStore:
    return ChunkStore(blobs)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def unregistered(vault: bytes, pack: bytes) -> None:
    """For packs that no catalog knows of."""

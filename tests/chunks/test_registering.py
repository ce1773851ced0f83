"""No pack file is ever without a row of the catalog: a row without a file is harmless, the reverse is not."""

import errno
import hashlib

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks.packs import PackSet, pack_name
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Unavailable
from holdfast.testing.faulty_disk import FaultyDisk


def test_a_pack_is_known_before_its_file_is_made(
    blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys, disk: FaultyDisk
) -> None:
    there_when_registered: list[tuple[str, list[str]]] = []

    def register(vault_uid: bytes, pack_uid: bytes) -> None:
        there_when_registered.append((pack_name(vault_uid, pack_uid), list(blobs.list("packs/"))))

    packs = PackSet(blobs, register)
    frame = store.seal(keys, b"data", hashlib.sha256(b"data").digest())
    (place,) = packs.write_group([frame])
    assert there_when_registered == [(pack_name(keys.vault_uid, place.pack), [])]
    disk.fail("create", errno.EIO)
    packs.turn_over(keys.vault_uid)
    with pytest.raises(Unavailable):
        packs.write_group([frame])
    assert len(there_when_registered) == 2


def test_a_pack_that_cannot_be_registered_is_not_made(blobs: LocalBlobs, store: ChunkStore, keys: VaultKeys) -> None:
    def refuse(vault_uid: bytes, pack_uid: bytes) -> None:
        raise Unavailable("the catalog cannot be written")

    frame = store.seal(keys, b"data", hashlib.sha256(b"data").digest())
    with pytest.raises(Unavailable):
        PackSet(blobs, refuse).write_group([frame])
    assert list(blobs.list("packs/")) == []

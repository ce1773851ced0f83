import errno
from collections.abc import Iterator
from contextlib import closing

import pytest

from holdfast.app.keys import finish_destroying
from holdfast.catalog import vaults
from holdfast.controlplane.vault_keys import VaultKeys
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model import checksum
from holdfast.model.errors import InvalidInput, InvalidState, NotFound, Unavailable
from holdfast.packfile.layout import decode_frame_header
from holdfast.testing.faulty_disk import FaultyDisk
from tests.backends import Backend, embedded_only
from tests.controlplane.conftest import Hands


@pytest.fixture
def keyed(hands: Hands) -> Iterator[Hands]:
    """The control plane with the operations on keys."""
    hands.handlers |= VaultKeys(hands.plane, hands.keys, hands.packs).handlers()
    return hands


def uid_of(hands: Hands, name: str = "default") -> bytes:
    with hands.catalog.snapshot() as tx:
        return vaults.get(tx, name).uid


def written(hands: Hands, data: bytes, name: str = "default") -> tuple[bytes, int]:
    """Writes a frame into the vault; its pack and the number of the key that it is sealed under."""
    keys = hands.keys.open(uid_of(hands, name))
    frame = hands.chunks.seal(keys, data, checksum.digest(data))
    number = decode_frame_header(bytes(frame.parts[0])).key_number
    return hands.writes.submit([frame], lambda tx, locations: locations[0].pack), number


def old_packs(hands: Hands) -> set[bytes]:
    with hands.catalog.snapshot() as tx:
        return {row[0] for row in tx.all("SELECT uid FROM packs WHERE old_key = 1")}


def test_after_a_rotation_frames_have_the_new_key_and_a_pack_of_their_own(keyed: Hands, backend: Backend) -> None:
    keyed.call("CreateBackupVault", BackupVaultName="other")
    first, one = written(keyed, b"first")
    other, _ = written(keyed, b"other", "other")
    rotated = keyed.call("RotateVaultKey", BackupVaultName="default")
    assert rotated == {"KeyNumber": 2, "Packs": len(old_packs(keyed))}
    second, two = written(keyed, b"second")
    assert (one, two) == (1, 2)
    assert second not in (first, other)
    assert keyed.call("RotateVaultKey", BackupVaultName="default")["KeyNumber"] == 3
    assert {first, second} <= old_packs(keyed)
    assert other not in old_packs(keyed)
    if not backend.is_shared:
        # In a bucket the packs that are announced count too: whoever fills one may have sealed before the rotation.
        assert rotated["Packs"] == 1
        assert old_packs(keyed) == {first, second}


def test_who_sealed_before_the_rotation_writes_on(keyed: Hands) -> None:
    keys = keyed.keys.open(uid_of(keyed))
    frame = keyed.chunks.seal(keys, b"under way", checksum.digest(b"under way"))
    keyed.call("RotateVaultKey", BackupVaultName="default")
    place = keyed.writes.submit([frame], lambda tx, locations: locations[0])
    assert keyed.chunks.read(keys, frame.chunk_id, place, 9) == b"under way"


def test_a_vault_that_nobody_knows_is_not_found(keyed: Hands) -> None:
    with pytest.raises(NotFound):
        keyed.call("RotateVaultKey", BackupVaultName="nobody")
    with pytest.raises(NotFound, match="no deleted one"):
        keyed.call("DestroyVaultKeys", BackupVaultName="nobody", Confirm="nobody")


def test_destroying_takes_the_vault_and_its_keys(keyed: Hands) -> None:
    keyed.call("CreateBackupVault", BackupVaultName="doomed")
    uid = uid_of(keyed, "doomed")
    written(keyed, b"data", "doomed")
    assert keyed.call("DestroyVaultKeys", BackupVaultName="doomed", Confirm="doomed") == {"Vaults": 1}
    with pytest.raises(NotFound):
        keyed.call("DescribeBackupVault", BackupVaultName="doomed")
    with pytest.raises(NotFound):
        keyed.keys.open(uid)
    assert not list(keyed.blobs.list(f"keys/{uid.hex()}"))
    assert keyed.keys.open(uid_of(keyed))
    keyed.call("CreateBackupVault", BackupVaultName="doomed")
    assert uid_of(keyed, "doomed") != uid


def test_the_name_must_be_said_twice(keyed: Hands) -> None:
    with pytest.raises(InvalidInput, match="repeat the vault's name"):
        keyed.call("DestroyVaultKeys", BackupVaultName="default", Confirm="defualt")
    assert keyed.keys.open(uid_of(keyed))


def test_a_vault_with_points_or_running_jobs_keeps_its_keys(keyed: Hands) -> None:
    job = keyed.start()
    with pytest.raises(InvalidState, match="1 backup job still runs"):
        keyed.call("DestroyVaultKeys", BackupVaultName="default", Confirm="default")
    point = keyed.commit(job)
    with pytest.raises(InvalidState, match="holds 1 recovery point"):
        keyed.call("DestroyVaultKeys", BackupVaultName="default", Confirm="default")
    uid = uid_of(keyed)
    assert keyed.keys.open(uid)
    keyed.call("DeleteRecoveryPoint", BackupVaultName="default", RecoveryPointArn=point)
    keyed.call("DestroyVaultKeys", BackupVaultName="default", Confirm="default")
    with pytest.raises(NotFound):
        keyed.keys.open(uid)


def test_a_deleted_vault_keeps_its_keys_until_they_are_destroyed(keyed: Hands) -> None:
    uids = []
    for _ in range(2):
        keyed.call("CreateBackupVault", BackupVaultName="gone")
        uids.append(uid_of(keyed, "gone"))
        keyed.call("DeleteBackupVault", BackupVaultName="gone")
    assert all(keyed.keys.open(uid) for uid in uids)
    assert keyed.call("DestroyVaultKeys", BackupVaultName="gone", Confirm="gone") == {"Vaults": 2}
    for uid in uids:
        with pytest.raises(NotFound):
            keyed.keys.open(uid)
    with pytest.raises(NotFound):
        keyed.call("DestroyVaultKeys", BackupVaultName="gone", Confirm="gone")


def test_a_name_means_the_vault_that_has_it_and_not_those_that_had_it(keyed: Hands) -> None:
    keyed.call("CreateBackupVault", BackupVaultName="twice")
    old = uid_of(keyed, "twice")
    keyed.call("DeleteBackupVault", BackupVaultName="twice")
    keyed.call("CreateBackupVault", BackupVaultName="twice")
    assert keyed.call("DestroyVaultKeys", BackupVaultName="twice", Confirm="twice") == {"Vaults": 1}
    assert keyed.keys.open(old)


@embedded_only("the crash is one of the disk: between the files of the keys")
@pytest.mark.parametrize("after", [0, 1])
def test_what_a_crash_left_of_destroyed_keys_goes_at_the_next_start(keyed: Hands, after: int) -> None:
    keyed.call("CreateBackupVault", BackupVaultName="doomed")
    keyed.call("RotateVaultKey", BackupVaultName="doomed")
    uid = uid_of(keyed, "doomed")
    disk = FaultyDisk()
    keyed.blobs._disk = disk
    disk.fail("remove", errno.EIO, after=after)
    with pytest.raises(Unavailable):
        keyed.call("DestroyVaultKeys", BackupVaultName="doomed", Confirm="doomed")
    assert list(keyed.blobs.list(f"keys/{uid.hex()}"))
    with closing(keyed.blobs):
        ring = KeyRing(LocalKeyProvider(b"k" * 32), keyed.blobs)
        finish_destroying(ring, keyed.catalog)
        assert not list(keyed.blobs.list(f"keys/{uid.hex()}"))
        assert ring.vault_uids() == [uid_of(keyed)]

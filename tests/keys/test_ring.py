import errno
import hashlib
import hmac
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.record import RecordName, Slot
from holdfast.keys.ring import KeyRing
from holdfast.model.errors import AlreadyExists, Damaged, NotFound, Unavailable, UnusableKey
from holdfast.testing.faulty_disk import FaultyDisk

VAULT = bytes(range(16))
OTHER = bytes(range(16, 32))
DIGEST = hashlib.sha256(b"chunk").digest()


def ring_over(directory: Path, root_key: bytes = b"r" * 32) -> KeyRing:
    return KeyRing(LocalKeyProvider(root_key), LocalBlobs(directory))


def record_of(directory: Path, vault: bytes = VAULT, number: int = 1) -> Path:
    """Where the key record lies; of the root key that `ring_over` has."""
    return directory / RecordName(Slot(vault, number), LocalKeyProvider(b"r" * 32).root_id).text


def test_keys_that_were_made_are_the_same_after_a_restart(tmp_path: Path) -> None:
    made = ring_over(tmp_path).create(VAULT)
    opened = ring_over(tmp_path).open(VAULT)
    assert opened.chunk_id(DIGEST) == made.chunk_id(DIGEST)
    assert opened.frame_key(1, b"s" * 32) == made.frame_key(1, b"s" * 32)
    assert opened.seal_digest(b"label", DIGEST) == made.seal_digest(b"label", DIGEST)
    assert opened.frame_key_number == made.frame_key_number == 1


def test_an_opened_vault_is_remembered(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    assert ring.create(VAULT) is ring.open(VAULT)


def test_keys_are_refused_a_second_making(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    with pytest.raises(AlreadyExists):
        ring_over(tmp_path).create(VAULT)


def test_a_vault_without_keys_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ring_over(tmp_path).open(VAULT)
    with pytest.raises(NotFound):
        ring_over(tmp_path).rotate(VAULT)


def test_a_vault_uid_has_sixteen_bytes(tmp_path: Path) -> None:
    with pytest.raises(UnusableKey):
        ring_over(tmp_path).create(b"short")


def test_no_two_vaults_share_a_name_for_the_same_chunk(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    one, other = ring.create(VAULT), ring.create(OTHER)
    assert one.chunk_id(DIGEST) != other.chunk_id(DIGEST)
    assert one.frame_key(1, b"s" * 32) != other.frame_key(1, b"s" * 32)


def test_the_three_keys_of_a_vault_are_different(tmp_path: Path) -> None:
    keys = ring_over(tmp_path).create(VAULT)
    pad = keys.seal_digest(DIGEST, bytes(32))
    assert len({keys.chunk_id(DIGEST), keys.frame_key(1, DIGEST), pad}) == 3


ID_KEY, SEAL_KEY, FRAME_KEY = b"i" * 32, b"e" * 32, b"f" * 32


def ring_with_known_keys(directory: Path) -> KeyRing:
    keys = iter([ID_KEY, SEAL_KEY, FRAME_KEY])
    return KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(directory), random=lambda size: next(keys))


def test_a_key_is_durable_before_it_is_handed_out_and_wrapped_on_disk(tmp_path: Path) -> None:
    ring_with_known_keys(tmp_path).create(VAULT)
    record = record_of(tmp_path).read_bytes()
    for secret in (ID_KEY, SEAL_KEY, FRAME_KEY):
        assert secret not in record


def test_keys_are_hmacs_with_the_documented_arguments(tmp_path: Path) -> None:
    keys = ring_with_known_keys(tmp_path).create(VAULT)
    assert keys.chunk_id(DIGEST) == hmac.digest(ID_KEY, DIGEST, "sha256")
    assert keys.frame_key(1, b"s" * 32) == hmac.digest(FRAME_KEY, b"s" * 32, "sha256")
    assert keys.seal_digest(b"label", bytes(32)) == hmac.digest(SEAL_KEY, b"label", "sha256")


def test_another_root_key_opens_nothing(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    with pytest.raises(UnusableKey, match="root key"):
        ring_over(tmp_path, b"R" * 32).open(VAULT)


def test_a_record_of_another_vault_or_number_does_not_open_in_its_place(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    record = record_of(tmp_path).read_bytes()
    moved = record_of(tmp_path, OTHER)
    moved.parent.mkdir()
    moved.write_bytes(record)
    with pytest.raises(Damaged):
        ring_over(tmp_path).open(OTHER)
    moved.write_bytes(record.replace(VAULT, OTHER))
    with pytest.raises(UnusableKey):
        ring_over(tmp_path).open(OTHER)


def test_every_flipped_byte_of_a_record_is_noticed(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    path = record_of(tmp_path)
    record = path.read_bytes()
    for position in range(len(record)):
        path.write_bytes(record[:position] + bytes([record[position] ^ 4]) + record[position + 1 :])
        with pytest.raises((Damaged, UnusableKey)):
            ring_over(tmp_path).open(VAULT)


def test_rotation_adds_a_frame_key_and_keeps_ids_seals_and_older_keys(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    ring.create(VAULT)
    before = ring_over(tmp_path).open(VAULT)
    after = ring.rotate(VAULT)
    assert (before.frame_key_number, after.frame_key_number) == (1, 2)
    assert after.frame_key(1, b"s" * 32) == before.frame_key(1, b"s" * 32) != after.frame_key(2, b"s" * 32)
    assert after.chunk_id(DIGEST) == before.chunk_id(DIGEST)
    assert after.seal_digest(b"l", DIGEST) == before.seal_digest(b"l", DIGEST)
    restarted = ring_over(tmp_path).open(VAULT)
    assert restarted.frame_key(2, b"s" * 32) == after.frame_key(2, b"s" * 32)
    assert ring.numbers(VAULT) == [1, 2]
    with pytest.raises(UnusableKey, match="frame key 3"):
        restarted.frame_key(3, b"s" * 32)


def test_a_sealed_digest_opens_under_its_label_only(tmp_path: Path) -> None:
    keys = ring_over(tmp_path).create(VAULT)
    sealed = keys.seal_digest(b"label", DIGEST)
    assert sealed != DIGEST
    assert keys.open_digest(b"label", sealed) == DIGEST
    assert keys.open_digest(b"other", sealed) != DIGEST
    assert len(keys.seal_digest(b"label", keys.seal_digest(b"label", bytes(32)))) == 32


def test_the_token_key_outlives_restarts_and_belongs_to_the_root_key(tmp_path: Path) -> None:
    assert ring_over(tmp_path).token_key() == ring_over(tmp_path).token_key()
    assert ring_over(tmp_path).token_key() != ring_over(tmp_path, b"R" * 32).token_key()
    assert len(ring_over(tmp_path).token_key()) == 32


def test_keys_do_not_show_themselves_in_logs(tmp_path: Path) -> None:
    keys = ring_over(tmp_path).create(VAULT)
    assert repr(keys) == f"VaultKeys({VAULT.hex()}, frame keys [1])"


def test_an_upload_under_way_seals_with_the_new_key_from_the_rotation_on(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    held = ring.create(VAULT)
    chunk_id = held.chunk_id(DIGEST)
    ring.rotate(VAULT)
    assert held.frame_key_number == 2
    assert held.frame_key(2, b"s" * 32) == ring_over(tmp_path).open(VAULT).frame_key(2, b"s" * 32)
    assert held.chunk_id(DIGEST) == chunk_id


def test_a_damaged_record_hides_its_own_key_and_no_other(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    ring.create(VAULT)
    keys = ring.rotate(VAULT)
    record_of(tmp_path, number=1).write_bytes(b"rubbish")
    left = ring_over(tmp_path).open(VAULT)
    assert left.frame_key(2, b"s" * 32) == keys.frame_key(2, b"s" * 32)
    assert left.chunk_id(DIGEST) == keys.chunk_id(DIGEST)
    with pytest.raises(UnusableKey, match=r"frame key 1 .* restore it from a copy"):
        left.frame_key(1, b"s" * 32)
    assert ring_over(tmp_path).rotate(VAULT).frame_key_number == 3


def test_a_disk_in_trouble_is_not_taken_for_a_damaged_record(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    ring.create(VAULT)
    ring.rotate(VAULT)
    blobs = LocalBlobs(tmp_path)
    records = Refusing(blobs, record_of(tmp_path, number=1).name)
    ring = KeyRing(LocalKeyProvider(b"r" * 32), records)
    with pytest.raises(Unavailable):
        ring.open(VAULT)
    records.refused = ""
    assert ring.open(VAULT).frame_key(1, b"s" * 32)


class Refusing(LocalBlobs):
    """Blobs of which one cannot be read for a while."""

    def __init__(self, blobs: LocalBlobs, refused: str) -> None:
        super().__init__(blobs._root)
        self.refused = refused

    def get(self, name: str) -> bytes:
        if self.refused and name.endswith(self.refused):
            raise Unavailable("too many files are open")
        return super().get(name)


def test_a_record_that_was_found_is_made_durable_before_its_key_is_used(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    disk = FaultyDisk()
    KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(tmp_path, disk=disk)).open(VAULT)
    places = [record_of(tmp_path).parent, tmp_path / "keys", tmp_path]
    assert [path for verb, path in disk.calls if verb == "sync_directory"] == places


def test_a_key_that_could_not_be_made_durable_is_not_used(tmp_path: Path) -> None:
    disk = FaultyDisk()
    ring = KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(tmp_path, disk=disk))
    keys = ring.create(VAULT)
    for verb in ("create", "write", "sync", "link", "sync_directory"):
        disk.fail(verb, errno.EIO)
        with pytest.raises(Unavailable):
            ring.rotate(VAULT)
        disk.faults.clear()
        assert keys.frame_key_number == 1
    assert ring.rotate(VAULT).frame_key_number in (2, 3)
    reopened = ring_over(tmp_path).open(VAULT)
    assert reopened.frame_key(keys.frame_key_number, b"s" * 32) == keys.frame_key(keys.frame_key_number, b"s" * 32)


def test_records_of_the_first_version_still_open(tmp_path: Path) -> None:
    provider = LocalKeyProvider(b"r" * 32)
    name = RecordName(Slot(VAULT, 1), None)
    assert name.text == f"keys/{VAULT.hex()}/00000001"
    head = b"HFVKEY\r\n" + bytes([0, 1, 0, 0, 0, 1]) + VAULT
    LocalBlobs(tmp_path).put(name.text, head + provider.wrap(ID_KEY + SEAL_KEY + FRAME_KEY, head))
    keys = ring_over(tmp_path).open(VAULT)
    assert keys.chunk_id(DIGEST) == hmac.digest(ID_KEY, DIGEST, "sha256")
    assert ring_over(tmp_path).rotate(VAULT).frame_key_number == 2
    assert ring_over(tmp_path).numbers(VAULT) == [1, 2]


def test_the_root_key_that_is_missing_is_named(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    mine, other = (LocalKeyProvider(key * 32).root_id.hex() for key in (b"r", b"R"))
    with pytest.raises(UnusableKey, match=f"wrapped by the root key {mine}, and root.key holds {other}"):
        ring_over(tmp_path, b"R" * 32).open(VAULT)


def test_destroyed_keys_are_gone_for_everyone_and_stay_so(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    ring.create(VAULT)
    ring.rotate(VAULT)
    ring.create(OTHER)
    ring.destroy(VAULT)
    for each in (ring, ring_over(tmp_path)):
        with pytest.raises(NotFound):
            each.open(VAULT)
        assert each.open(OTHER)
        assert each.vault_uids() == [OTHER]
    ring.destroy(VAULT)


@pytest.mark.parametrize("verb", ["remove", "sync_directory"])
def test_destroying_that_the_disk_refused_can_be_done_again_and_is_durable_then(tmp_path: Path, verb: str) -> None:
    ring_over(tmp_path).create(VAULT)
    ring_over(tmp_path).rotate(VAULT)
    for after in range(2):
        disk = FaultyDisk()
        disk.fail(verb, errno.EIO, after=after)
        with pytest.raises(Unavailable):
            KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(tmp_path, disk=disk)).destroy(VAULT)
    disk = FaultyDisk()
    KeyRing(LocalKeyProvider(b"r" * 32), LocalBlobs(tmp_path, disk=disk)).destroy(VAULT)
    assert ("sync_directory", record_of(tmp_path).parent) in disk.calls
    assert not list(record_of(tmp_path).parent.iterdir())

import hashlib
import hmac
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model.errors import AlreadyExists, Damaged, NotFound, UnusableKey

VAULT = bytes(range(16))
OTHER = bytes(range(16, 32))
DIGEST = hashlib.sha256(b"chunk").digest()


def ring_over(directory: Path, root_key: bytes = b"r" * 32) -> KeyRing:
    return KeyRing(LocalKeyProvider(root_key), LocalBlobs(directory))


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
    record = (tmp_path / "keys" / VAULT.hex() / "00000001").read_bytes()
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
    record = (tmp_path / "keys" / VAULT.hex() / "00000001").read_bytes()
    moved = tmp_path / "keys" / OTHER.hex()
    moved.mkdir()
    (moved / "00000001").write_bytes(record)
    with pytest.raises(Damaged):
        ring_over(tmp_path).open(OTHER)
    (moved / "00000001").write_bytes(record.replace(VAULT, OTHER))
    with pytest.raises(UnusableKey):
        ring_over(tmp_path).open(OTHER)


def test_every_flipped_byte_of_a_record_is_noticed(tmp_path: Path) -> None:
    ring_over(tmp_path).create(VAULT)
    path = tmp_path / "keys" / VAULT.hex() / "00000001"
    record = path.read_bytes()
    for position in range(len(record)):
        path.write_bytes(record[:position] + bytes([record[position] ^ 4]) + record[position + 1 :])
        with pytest.raises((Damaged, UnusableKey)):
            ring_over(tmp_path).open(VAULT)


def test_rotation_adds_a_frame_key_and_keeps_ids_seals_and_older_keys(tmp_path: Path) -> None:
    ring = ring_over(tmp_path)
    before = ring.create(VAULT)
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

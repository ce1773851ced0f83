import hashlib
import random
import struct
import zlib

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.chunks.frame import frame_id, seal, unseal
from holdfast.keys.ring import KeyRing
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, UnusableKey
from holdfast.packfile.layout import FRAME_HEADER_BYTES, Codec, Kind, decode_frame_header

NOISE = random.Random(2).randbytes(1000)
TEXT = b"compressible " * 100
KEYS = VaultKeys(b"V" * 16, b"i" * 32, b"s" * 32, {1: b"f" * 32})
GOLDEN_SALT = b"S" * 32
GOLDEN_FRAME = (  # of the chunk b"golden" under KEYS with that salt; frames on disks depend on it
    "ab484672616d651a010001000000000156565656565656565656565656565656b078fa03ee46b0872daa8f4b80c8ef91"
    "4e6ef27ba3ccd96cbe89e7ff4aa770610000000600000006535353535353535353535353535353535353535353535353"
    "53535353535353537dcf33be06e9cf2370864527cb3ca91d4646bc7464aa487e7e9a"
)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def chunk_id(keys: VaultKeys, data: bytes) -> bytes:
    return keys.chunk_id(digest(data))


def seal_whole(keys: VaultKeys, data: bytes) -> bytes:
    return b"".join(seal(keys, digest(data), data).parts)


@pytest.mark.parametrize("data", [b"", b"x", NOISE, TEXT, bytes(1 << 20)])
def test_a_sealed_chunk_comes_back(keys: VaultKeys, data: bytes) -> None:
    frame = seal(keys, digest(data), data)
    whole = b"".join(frame.parts)
    assert (frame.raw_bytes, frame.frame_bytes, frame.vault) == (len(data), len(whole), keys.vault_uid)
    assert unseal(keys, frame.chunk_id, len(data), whole) == data


def test_views_and_bytearrays_seal_like_bytes(keys: VaultKeys) -> None:
    for data in (bytearray(NOISE), memoryview(b"x" + TEXT)[1:]):
        whole = b"".join(seal(keys, digest(bytes(data)), data).parts)
        assert unseal(keys, chunk_id(keys, bytes(data)), len(data), memoryview(whole)) == data


def test_a_frame_has_these_bytes() -> None:
    data = b"golden"
    frame = seal(KEYS, digest(data), data, new_salt=lambda: GOLDEN_SALT)
    assert b"".join(frame.parts).hex() == GOLDEN_FRAME


def test_a_frame_of_today_can_be_read_for_ever() -> None:
    assert unseal(KEYS, chunk_id(KEYS, b"golden"), 6, bytes.fromhex(GOLDEN_FRAME)) == b"golden"


def test_nothing_of_the_content_or_its_digest_stands_in_a_frame(keys: VaultKeys) -> None:
    whole = seal_whole(keys, NOISE)
    assert NOISE[:16] not in whole
    assert hashlib.sha256(NOISE).digest() not in whole


@pytest.mark.parametrize("data", [NOISE, TEXT, b""])
def test_every_flipped_byte_of_a_frame_is_detected(keys: VaultKeys, data: bytes) -> None:
    whole = seal_whole(keys, data)
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(Damaged):
            unseal(keys, chunk_id(keys, data), len(data), flipped)


def test_every_header_byte_is_authenticated_even_with_its_checksum_made_good(keys: VaultKeys) -> None:
    whole = seal_whole(keys, NOISE)
    for position in range(FRAME_HEADER_BYTES - 4):
        forged = bytearray(whole)
        forged[position] ^= 1
        forged[FRAME_HEADER_BYTES - 4 : FRAME_HEADER_BYTES] = struct.pack(
            ">I", zlib.crc32(forged[: FRAME_HEADER_BYTES - 4])
        )
        with pytest.raises((Damaged, UnusableKey)):
            unseal(keys, chunk_id(keys, NOISE), len(NOISE), forged)


def test_the_tag_is_of_the_header_and_the_body_together(keys: VaultKeys) -> None:
    whole = seal_whole(keys, NOISE)
    header, body = whole[:FRAME_HEADER_BYTES], whole[FRAME_HEADER_BYTES:]
    key = AESGCM(keys.frame_key(decode_frame_header(header).key_number, decode_frame_header(header).salt))
    assert key.decrypt(bytes(12), body, header) == NOISE
    with pytest.raises(InvalidTag):
        key.decrypt(bytes(12), body, None)


def test_a_frame_cut_short_or_with_bytes_added_is_damage(keys: VaultKeys) -> None:
    whole = seal_whole(keys, NOISE)
    for broken in (b"", whole[:50], whole[:-1], whole + b"x"):
        with pytest.raises(Damaged):
            unseal(keys, chunk_id(keys, NOISE), len(NOISE), broken)


def test_another_chunk_vault_or_length_than_expected_is_refused(keys: VaultKeys, other_keys: VaultKeys) -> None:
    whole = seal_whole(keys, NOISE)
    with pytest.raises(Damaged, match="another chunk"):
        unseal(keys, chunk_id(keys, TEXT), len(NOISE), whole)
    with pytest.raises(Damaged, match="another chunk"):
        unseal(keys, chunk_id(keys, NOISE), len(NOISE) + 1, whole)
    with pytest.raises(Damaged, match="another chunk"):
        unseal(other_keys, chunk_id(keys, NOISE), len(NOISE), whole)


def test_a_wrong_key_opens_nothing() -> None:
    wrong_frame_key = VaultKeys(KEYS.vault_uid, b"i" * 32, b"s" * 32, {1: b"g" * 32})
    with pytest.raises(Damaged, match="authentication"):
        unseal(wrong_frame_key, chunk_id(KEYS, NOISE), len(NOISE), seal_whole(KEYS, NOISE))
    missing = VaultKeys(KEYS.vault_uid, b"i" * 32, b"s" * 32, {2: b"f" * 32})
    with pytest.raises(UnusableKey):
        unseal(missing, chunk_id(KEYS, NOISE), len(NOISE), seal_whole(KEYS, NOISE))


def test_content_that_is_not_what_its_id_says_is_never_returned(keys: VaultKeys) -> None:
    # Sealed with the right keys, but by somebody who computed the id of other data.
    lying = b"".join(seal(keys, digest(TEXT), NOISE).parts)
    with pytest.raises(Damaged, match="chunk id"):
        unseal(keys, chunk_id(keys, TEXT), len(NOISE), lying)


def test_a_frame_of_one_kind_is_refused_as_any_other(keys: VaultKeys) -> None:
    manifest = seal(keys, digest(TEXT), TEXT, kind=Kind.MANIFEST)
    whole = b"".join(manifest.parts)
    assert manifest.chunk_id == frame_id(keys, Kind.MANIFEST, digest(TEXT)) != chunk_id(keys, TEXT)
    assert unseal(keys, manifest.chunk_id, len(TEXT), whole, kind=Kind.MANIFEST) == TEXT
    for kind in (Kind.CHUNK, Kind.RECORD):
        with pytest.raises(Damaged):
            unseal(keys, manifest.chunk_id, len(TEXT), whole, kind=kind)


def test_no_key_seals_twice_and_the_same_chunk_never_looks_the_same(keys: VaultKeys) -> None:
    frames = [seal_whole(keys, NOISE) for _ in range(500)]
    headers = [decode_frame_header(frame) for frame in frames]
    assert len({keys.frame_key(header.key_number, header.salt) for header in headers}) == 500
    assert len({frame[FRAME_HEADER_BYTES:] for frame in frames}) == 500
    assert {header.codec for header in headers} == {Codec.RAW}


def test_frames_sealed_before_a_rotation_open_after_it(ring: KeyRing, keys: VaultKeys) -> None:
    old = seal_whole(keys, TEXT)
    rotated = ring.rotate(keys.vault_uid)
    new = seal_whole(rotated, TEXT)
    assert [decode_frame_header(frame).key_number for frame in (old, new)] == [1, 2]
    for frame in (old, new):
        assert unseal(rotated, chunk_id(keys, TEXT), len(TEXT), frame) == TEXT

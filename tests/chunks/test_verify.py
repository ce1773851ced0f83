"""Checking many frames of one pack: each by itself, whatever happens to its neighbours."""

import errno
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.chunks import verify
from holdfast.chunks.frame import seal
from holdfast.chunks.packs import pack_name
from holdfast.chunks.verify import damaged_frames
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.model.errors import Damaged, Unavailable, UnusableKey
from holdfast.packfile.layout import Kind, PackHeader

PACK = b"p" * 16


@dataclass(frozen=True)
class Known:
    """What the catalog would know of a frame."""

    chunk_id: bytes
    raw_bytes: int
    frame_offset: int
    frame_bytes: int


def written(folder: Path, keys: VaultKeys, contents: list[tuple[bytes, Kind]]) -> tuple[LocalBlobs, list[Known]]:
    blobs = LocalBlobs(folder / "packs-here")
    parts = [PackHeader(keys.vault_uid, PACK).encode()]
    offset = len(parts[0])
    known = []
    for data, kind in contents:
        frame = seal(keys, checksum.digest(data), data, kind=kind)
        known.append(Known(frame.chunk_id, frame.raw_bytes, offset, frame.frame_bytes))
        parts += frame.parts
        offset += frame.frame_bytes
    blobs.put(pack_name(keys.vault_uid, PACK), b"".join(parts))
    return blobs, known


CONTENTS = [(random.Random(n).randbytes(n * 1000 + 5), Kind.CHUNK) for n in range(20)]


def path_of(blobs: LocalBlobs, keys: VaultKeys) -> Path:
    return blobs._path(pack_name(keys.vault_uid, PACK))


def test_frames_of_every_kind_are_checked_by_what_they_say_they_are(tmp_path: Path, keys: VaultKeys) -> None:
    blobs, known = written(tmp_path, keys, [(b"a", Kind.CHUNK), (b"b", Kind.MANIFEST), (b"c", Kind.RECORD)])
    assert list(damaged_frames(blobs, keys, PACK, known)) == []


def test_every_flipped_byte_of_a_pack_damages_the_frame_that_it_is_in_and_no_other(
    tmp_path: Path, keys: VaultKeys
) -> None:
    blobs, known = written(tmp_path, keys, [(b"first" * 9, Kind.CHUNK), (b"second", Kind.MANIFEST)])
    path = path_of(blobs, keys)
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x40]) + sound[place + 1 :])
        hit = [one for one in known if one.frame_offset <= place < one.frame_offset + one.frame_bytes]
        assert [frame for frame, _ in damaged_frames(blobs, keys, PACK, known)] == hit


def test_a_frame_in_the_place_of_another_is_damage(tmp_path: Path, keys: VaultKeys) -> None:
    blobs, (first, second) = written(tmp_path, keys, [(b"one", Kind.CHUNK), (b"two", Kind.CHUNK)])
    swapped = [
        Known(first.chunk_id, first.raw_bytes, second.frame_offset, second.frame_bytes),
        Known(second.chunk_id, second.raw_bytes, first.frame_offset, first.frame_bytes),
    ]
    assert len(list(damaged_frames(blobs, keys, PACK, swapped))) == 2


@pytest.mark.parametrize("run_bytes", [1, 30_000, 10**9])
def test_a_pack_that_was_cut_short_loses_its_end(
    tmp_path: Path, keys: VaultKeys, run_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "RUN_BYTES_MAX", run_bytes)
    blobs, known = written(tmp_path, keys, CONTENTS)
    cut = known[12].frame_offset + 40
    path = path_of(blobs, keys)
    path.write_bytes(path.read_bytes()[:cut])
    found = dict.fromkeys(frame for frame, _ in damaged_frames(blobs, keys, PACK, known))
    assert list(found) == known[12:]
    assert all("bytes are there" in reason for _, reason in damaged_frames(blobs, keys, PACK, known))


class OneBadSector:
    """A blob store whose disk cannot read one byte."""

    def __init__(self, blobs: LocalBlobs, bad: int, error: type[Exception]) -> None:
        self._blobs, self._bad, self._error = blobs, bad, error

    def read(self, name: str, offset: int, length: int) -> bytes:
        if offset <= self._bad < offset + length:
            raise self._error(f"the disk reports {errno.errorcode[errno.EIO]}")
        return self._blobs.read(name, offset, length)


def test_one_bad_sector_damages_one_frame(tmp_path: Path, keys: VaultKeys) -> None:
    blobs, known = written(tmp_path, keys, CONTENTS)
    disk = OneBadSector(blobs, known[7].frame_offset + 300, Damaged)
    assert [frame for frame, _ in damaged_frames(disk, keys, PACK, known)] == [known[7]]  # type: ignore[arg-type]


def test_a_store_that_cannot_be_read_now_says_nothing_about_frames(tmp_path: Path, keys: VaultKeys) -> None:
    blobs, known = written(tmp_path, keys, CONTENTS)
    disk = OneBadSector(blobs, known[7].frame_offset, Unavailable)
    with pytest.raises(Unavailable):
        list(damaged_frames(disk, keys, PACK, known))  # type: ignore[arg-type]


def test_a_pack_that_is_gone_damages_all_its_frames(tmp_path: Path, keys: VaultKeys) -> None:
    blobs, known = written(tmp_path, keys, CONTENTS)
    found = list(damaged_frames(blobs, keys, b"q" * 16, known))
    assert [frame for frame, _ in found] == known
    assert all("missing" in reason for _, reason in found)


def test_a_frame_whose_key_is_lost_is_damaged_and_a_provider_that_refuses_condemns_none(
    tmp_path: Path, keys: VaultKeys
) -> None:
    blobs, known = written(tmp_path, keys, [(b"old", Kind.CHUNK)])
    later = VaultKeys(keys.vault_uid, b"i" * 32, b"s" * 32, {2: b"f" * 32})
    [(_, reason)] = damaged_frames(blobs, later, PACK, known)
    assert "frame key 1" in reason

    class Refusing:
        vault_uid, frame_key_number = keys.vault_uid, 1

        def frame_key(self, number: int, salt: bytes) -> bytes:
            raise UnusableKey("disabled")

    with pytest.raises(UnusableKey):
        list(damaged_frames(blobs, Refusing(), PACK, known))  # type: ignore[arg-type]

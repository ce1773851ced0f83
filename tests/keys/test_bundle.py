import errno
from pathlib import Path

import pytest

from holdfast.app.root_key_place import RootKeyInDirectory
from holdfast.blobs.local import LocalBlobs
from holdfast.keys import bundle
from holdfast.keys.bundle import Bundle
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.protection import PLAIN
from holdfast.keys.ring import KeyRing
from holdfast.keys.rotation import rotate_root
from holdfast.model.errors import HoldfastError, InvalidInput, UnusableKey
from holdfast.testing.faulty_disk import FaultyDisk

VAULTS = [bytes([number]) * 16 for number in range(2)]
SALT = b"s" * 32


def opened(folder: Path, disk: FaultyDisk | None = None) -> tuple[RootKeyInDirectory, LocalBlobs]:
    blobs = LocalBlobs(folder / "blobs", disk=disk)
    return RootKeyInDirectory(folder, blobs, disk), blobs


def ring_of(folder: Path) -> KeyRing:
    place, blobs = opened(folder)
    return KeyRing(LocalKeyProvider.open(place), blobs)


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [folder / ROOT_KEY_NAME, *(folder / "blobs/keys").rglob("*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    ring = ring_of(folder)
    for vault in VAULTS:
        ring.create(vault)
    ring.rotate(VAULTS[0])
    place, blobs = opened(folder)
    rotate_root(place, blobs, LocalKeyProvider.open(place), PLAIN)
    return folder


def exported(folder: Path) -> str:
    return bundle.write(bundle.gather(*opened(folder), {VAULTS[0].hex(): "photos", VAULTS[1].hex(): "d\u00e9j\u00e0"}))


def test_a_bundle_gives_back_everything_that_a_store_needs(folder: Path, tmp_path: Path) -> None:
    text = exported(folder)
    empty = tmp_path / "other"
    empty.mkdir()
    done = bundle.put_back(bundle.read(text), *opened(empty))
    assert files_of(empty) == files_of(folder)
    assert len(done.restored) == len(files_of(folder)) == 5
    assert done.equal == done.different == ()
    assert ring_of(empty).open(VAULTS[0]).frame_key(2, SALT) == ring_of(folder).open(VAULTS[0]).frame_key(2, SALT)
    assert ring_of(empty).token_key() == ring_of(folder).token_key()
    assert bundle.read(text).vaults == {VAULTS[0].hex(): "photos", VAULTS[1].hex(): "d\u00e9j\u00e0"}


def test_a_bundle_is_text_that_explains_itself_and_survives_mail(folder: Path) -> None:
    text = exported(folder)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    for said in ("holdfast key import", "holdfast rebuild", "Whoever has this file"):
        assert said in text
    assert bundle.read(text.replace("\n", "\r\n")) == bundle.read(f"\ufeff{text}\n\n") == bundle.read(text)


def test_a_bundle_that_is_not_whole_or_was_altered_is_refused(folder: Path) -> None:
    text = exported(folder)
    for at in range(0, len(text) - 1, 7):
        if text[at] != "\n":
            with pytest.raises(InvalidInput):
                bundle.read(text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :])
    for length in range(0, len(text) - 1, 7):
        with pytest.raises(InvalidInput):
            bundle.read(text[:length])


def test_a_bundle_cannot_name_a_file_outside_the_keys(folder: Path) -> None:
    text = bundle.write(Bundle(files_of(folder)[ROOT_KEY_NAME], {"packs/x": b"1"}))
    with pytest.raises(InvalidInput, match="no key record"):
        bundle.read(text)


def test_only_what_is_missing_is_put_back(folder: Path) -> None:
    text = exported(folder)
    before = files_of(folder)
    first, second, third, *_ = (name for name in before if name != ROOT_KEY_NAME)
    (folder / first).unlink()
    (folder / second).write_bytes(b"rubbish")
    done = bundle.put_back(bundle.read(text), *opened(folder))
    assert done.restored == (first.removeprefix("blobs/"),)
    assert done.different == (second.removeprefix("blobs/"),)
    assert len(done.equal) == 3
    assert files_of(folder) == before | {second: b"rubbish"}
    assert (folder / third).read_bytes() == before[third]


def test_an_import_that_the_disk_refused_is_done_again(folder: Path, tmp_path: Path) -> None:
    text = exported(folder)
    for number, verb in enumerate(("create", "write", "sync", "link", "sync_directory")):
        empty = tmp_path / f"other{number}"
        empty.mkdir()
        for after in range(3):
            disk = FaultyDisk()
            disk.fail(verb, errno.ENOSPC, after=after)
            with pytest.raises(HoldfastError):
                bundle.put_back(bundle.read(text), *opened(empty, disk))
        bundle.put_back(bundle.read(text), *opened(empty))
        assert files_of(empty) == files_of(folder)


def test_what_an_earlier_import_put_there_is_made_durable(folder: Path) -> None:
    disk = FaultyDisk()
    bundle.put_back(bundle.read(exported(folder)), *opened(folder, disk))
    settled = {path for verb, path in disk.calls if verb == "sync_directory"}
    assert settled == {folder, *(folder / "blobs/keys" / name for name in (*(uid.hex() for uid in VAULTS), "service"))}


def test_a_store_without_a_sound_root_key_exports_nothing(folder: Path) -> None:
    (folder / ROOT_KEY_NAME).write_bytes(b"rubbish")
    with pytest.raises(UnusableKey):
        exported(folder)


def test_keys_do_not_show_themselves_in_logs(folder: Path) -> None:
    root_key = files_of(folder)[ROOT_KEY_NAME].split()[1].decode()
    assert root_key not in repr(bundle.read(exported(folder)))

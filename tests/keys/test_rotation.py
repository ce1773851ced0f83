import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.app.root_key_place import RootKeyInDirectory
from holdfast.blobs.local import LocalBlobs
from holdfast.keys import record, root_file
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.passphrase import PassphraseProtection
from holdfast.keys.protection import PLAIN, Protection
from holdfast.keys.ring import KeyRing
from holdfast.keys.rotation import finish_rotation, rotate_root
from holdfast.model.errors import Damaged, HoldfastError, UnusableKey
from holdfast.testing.faulty_disk import FaultyDisk

VAULTS = [bytes([number]) * 16 for number in range(3)]
SALT = b"s" * 32
VERBS = ("make_directory", "create", "write", "sync", "sync_directory", "link", "replace", "remove")


class Store:
    """A directory with a root key and vaults, opened as the service does."""

    def __init__(self, folder: Path, disk: FaultyDisk | None = None, protection: Protection = PLAIN) -> None:
        self.disk = disk
        self.protection = protection
        self.blobs = LocalBlobs(folder / "blobs", disk=disk)
        self.place = RootKeyInDirectory(folder, self.blobs, disk)
        self.root_key = LocalKeyProvider.open(self.place, protection)
        self.ring = KeyRing(self.root_key, self.blobs)

    def finish(self) -> int:
        return finish_rotation(self.place, self.blobs, self.root_key)

    def rotate(self) -> LocalKeyProvider:
        return rotate_root(self.place, self.blobs, self.root_key, self.protection)

    def secrets(self) -> list[bytes]:
        """What every key of the store makes of the same input."""
        found = [self.ring.token_key()]
        for vault in VAULTS:
            keys = self.ring.open(vault)
            found += [keys.chunk_id(SALT), keys.seal_digest(b"l", SALT)]
            found += [keys.frame_key(number, SALT) for number in self.ring.numbers(vault)]
        return found

    def records(self) -> list[str]:
        return list(self.blobs.list("keys/"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = Store(tmp_path)
    for vault in VAULTS:
        store.ring.create(vault)
    store.ring.rotate(VAULTS[0])
    return tmp_path


def test_a_new_root_key_changes_no_other_key_and_leaves_tokens_valid(folder: Path) -> None:
    before = Store(folder)
    secrets = before.secrets()
    new = before.rotate()
    after = Store(folder)
    assert after.root_key.root_id == new.root_id != before.root_key.root_id
    assert after.secrets() == secrets
    assert len(after.records()) == 5
    assert all(name.endswith(new.root_id.hex()) for name in after.records())


def test_the_old_root_key_opens_nothing_any_more(folder: Path) -> None:
    old = (folder / ROOT_KEY_NAME).read_bytes()
    Store(folder).rotate()
    (folder / ROOT_KEY_NAME).write_bytes(old)
    store = Store(folder)
    with pytest.raises(UnusableKey, match="put the root key back"):
        store.ring.open(VAULTS[0])
    assert store.finish() == 0
    assert len(store.records()) == 5


def test_a_store_of_the_first_version_is_brought_along(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for vault in VAULTS:
        name = record.RecordName(record.Slot(vault, 1), None)
        store.blobs.put(name.text, record.seal(store.root_key, name, vault * 6))
    before = store.secrets()
    store.rotate()
    assert Store(tmp_path).secrets() == before
    assert not any(name.endswith("00000001") for name in Store(tmp_path).records())


def test_it_can_be_done_again_and_again(folder: Path) -> None:
    before = Store(folder).secrets()
    seen = {Store(folder).rotate().root_id for _ in range(3)}
    assert len(seen) == 3
    assert Store(folder).secrets() == before
    assert len(Store(folder).records()) == 5


def clean_run(folder: Path) -> FaultyDisk:
    disk = FaultyDisk()
    Store(folder, disk).rotate()
    return disk


def faults(folder_of: Callable[[], Path]) -> Iterator[tuple[str, int]]:
    disk = clean_run(folder_of())
    for verb in VERBS:
        for after in range(disk.count(verb)):
            yield verb, after


def fresh(tmp_path: Path, counter: list[int]) -> Path:
    counter[0] += 1
    folder = tmp_path / str(counter[0])
    folder.mkdir()
    store = Store(folder)
    for vault in VAULTS:
        store.ring.create(vault)
    store.ring.rotate(VAULTS[0])
    return folder


@pytest.mark.parametrize("ends_there", [False, True], ids=["one call fails", "nothing works any more"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_wherever_the_disk_fails_every_key_is_there_afterwards(tmp_path: Path, error: int, ends_there: bool) -> None:
    counter = [0]
    tried = refused = 0
    for verb, after in faults(lambda: fresh(tmp_path, counter)):
        folder = fresh(tmp_path, counter)
        before = Store(folder).secrets()
        disk = FaultyDisk()
        store = Store(folder, disk)
        done = {each: disk.count(each) for each in VERBS}
        disk.fail(verb, error, after=after - done[verb] if after >= done[verb] else 10**6, times=10**6)
        if ends_there:
            for other in VERBS:
                disk.faults[other] = stop_once_failed(disk, verb, disk.faults.get(other))
        else:
            disk.fail(verb, error, after=max(0, after - done[verb]))
        tried += 1
        try:
            store.rotate()
        except HoldfastError:
            refused += 1
        reopened = Store(folder)
        assert reopened.secrets() == before
        reopened.finish()
        assert Store(folder).secrets() == before
        slots = record.by_slot(Store(folder).records())
        assert all(len(names) == 1 for slot, names in slots.items() if slot != record.TOKENS)
        Store(folder).rotate()
        assert Store(folder).secrets() == before
    assert tried > 30
    assert refused > 20


def stop_once_failed(disk: FaultyDisk, verb: str, own: Callable[[], None] | None) -> Callable[[], None]:
    """A fault for every verb: from the first failure of `verb` on, everything fails, as for a process that is gone."""

    def fault() -> None:
        if getattr(disk, "gone", False):
            raise OSError(errno.EIO, "gone")
        if own is not None:
            try:
                own()
            except OSError:
                disk.gone = True  # type: ignore[attr-defined]
                raise

    return fault


def test_nothing_is_removed_before_the_file_that_decides_is_durable(folder: Path) -> None:
    disk = FaultyDisk()
    store = Store(folder, disk)
    disk.calls.clear()
    store.rotate()
    verbs = [(verb, Path(str(path)).name) for verb, path in disk.calls]
    decided = verbs.index(("replace", ROOT_KEY_NAME))
    assert verbs[decided + 1] == ("sync_directory", folder.name)
    blobs_removed = [at for at, (verb, path) in enumerate(disk.calls) if verb == "remove" and "/keys/" in str(path)]
    assert len(blobs_removed) == 4
    assert min(blobs_removed) > decided + 1


def test_what_a_killed_rotation_left_is_removed_only_after_the_file_is_durable(folder: Path) -> None:
    old = (folder / ROOT_KEY_NAME).read_bytes()
    disk = FaultyDisk()
    store = Store(folder, disk)
    disk.fail("remove", errno.EIO, after=5, times=10**6)
    new = store.rotate()
    assert (folder / ROOT_KEY_NAME).read_bytes() != old
    disk = FaultyDisk()
    store = Store(folder, disk)
    assert store.root_key.root_id == new.root_id
    disk.calls.clear()
    assert store.finish() == 4
    assert disk.calls[0] == ("sync_directory", folder)
    assert [verb for verb, _ in disk.calls].count("remove") == 4


def test_leftovers_stay_where_a_record_does_not_open(folder: Path) -> None:
    disk = FaultyDisk()
    store = Store(folder, disk)
    disk.fail("replace", errno.EIO)
    with pytest.raises(HoldfastError):
        store.rotate()
    mine = next(
        path
        for path in (folder / "blobs/keys" / VAULTS[1].hex()).iterdir()
        if path.name.endswith(store.root_key.root_id.hex())
    )
    mine.write_bytes(b"rubbish")
    count = len(Store(folder).records())
    assert Store(folder).finish() == 0
    assert len(Store(folder).records()) == count


def test_a_damaged_record_stops_the_rotation_before_anything_is_changed(folder: Path) -> None:
    path = next((folder / "blobs/keys" / VAULTS[1].hex()).iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    old = (folder / ROOT_KEY_NAME).read_bytes()
    with pytest.raises((Damaged, UnusableKey)):
        Store(folder).rotate()
    assert (folder / ROOT_KEY_NAME).read_bytes() == old
    assert Store(folder).ring.open(VAULTS[0])


def test_a_protected_root_key_is_followed_by_a_protected_one(folder: Path) -> None:
    protection = PassphraseProtection(lambda: "correct horse", memory_kib=32)
    store = Store(folder)
    before = store.secrets()
    store.place.replace(ROOT_KEY_NAME, store.root_key.seal_root(protection))
    new = Store(folder, protection=protection).rotate()
    text = (folder / ROOT_KEY_NAME).read_bytes()
    assert isinstance(root_file.decode(text), root_file.UnderPassphrase)
    reopened = Store(folder, protection=protection)
    assert reopened.root_key.root_id == new.root_id
    assert reopened.secrets() == before


def test_the_root_keys_file_is_settled_before_anything_is_wrapped_by_it(folder: Path) -> None:
    disk = FaultyDisk()
    Store(folder, disk)
    assert disk.calls[0] == ("sync_directory", folder)

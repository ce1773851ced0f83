"""A process that changes keys is killed, the next one opens the store, then the power fails: no key is ever lost."""

import errno
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from holdfast.blobs.disk import Disk
from holdfast.keys.ring import KeyRing
from holdfast.model.errors import HoldfastError, NotFound, UnusableKey
from holdfast.testing.crash_disk import CrashDisk, History
from holdfast.testing.crash_states import crash_states
from holdfast.testing.faulty_disk import FaultyDisk
from tests.keys.test_rotation import SALT, VAULTS, VERBS, Store

STATES_PER_KILL = 5
Change = Callable[[Store], object]


def rotate_root(store: Store) -> None:
    store.rotate()


def rotate_vault(store: Store) -> None:
    store.ring.rotate(VAULTS[1])


def create_vault(store: Store) -> None:
    store.ring.create(b"n" * 16)


class Killed(FaultyDisk):
    """A disk of a process that is killed before the verb with number `life`."""

    def __init__(self, disk: Disk, life: int) -> None:
        super().__init__(disk)
        self.left = life
        self.faults = dict.fromkeys(VERBS, self._count)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, "killed")


def made(folder: Path) -> list[bytes]:
    """A store with a few keys; what they make of the same input."""
    folder.mkdir()
    store = Store(folder)
    for vault in VAULTS:
        store.ring.create(vault)
    store.ring.rotate(VAULTS[0])
    return store.secrets()


def used(ring: KeyRing) -> dict[tuple[bytes, int], bytes]:
    """The frame key that each vault seals with: what a process that opened the store may have sealed frames with."""
    found = {}
    for vault in ring.vault_uids():
        try:
            keys = ring.open(vault)
        except (NotFound, UnusableKey):
            continue
        found[vault, keys.frame_key_number] = keys.frame_key(keys.frame_key_number, SALT)
    return found


@pytest.mark.parametrize("change", [rotate_root, rotate_vault, create_vault], ids=lambda change: change.__name__)
def test_no_key_that_was_ever_used_is_lost(tmp_path: Path, change: Change) -> None:
    made(tmp_path / "counted")
    disk = FaultyDisk()
    store = Store(tmp_path / "counted", disk)
    opening = len(disk.calls)
    change(store)
    steps = len(disk.calls) - opening
    checked = 0
    for life in range(steps + 1):
        folder = tmp_path / f"life{life}"
        secrets = made(folder)
        history = History(folder)
        killed = Killed(CrashDisk(history), opening + life)
        try:
            change(Store(folder, killed))
        except HoldfastError:
            assert life < steps
        next_one = Store(folder, FaultyDisk(CrashDisk(history)))
        next_one.finish()
        in_use = used(next_one.ring)
        assert set(secrets) <= set(next_one.secrets())
        end = history.position
        states = chain(
            crash_states(history, STATES_PER_KILL, seed=life), crash_states(history, 6, seed=life, first=end)
        )
        for number, state in enumerate(states):
            place = tmp_path / f"state{life}-{number}"
            state.materialise(place)
            after = Store(place)
            after.finish()
            assert set(secrets) <= set(after.secrets()), f"killed after {life}, {state}"
            for (vault, key_number), key in in_use.items() if state.position == end else ():
                assert after.ring.open(vault).frame_key(key_number, SALT) == key, f"killed after {life}, {state}"
            shutil.rmtree(place)
            checked += 1
        shutil.rmtree(folder)
    assert checked > steps

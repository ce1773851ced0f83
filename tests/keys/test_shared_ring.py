"""Key rings of several nodes over the same records: what one makes or destroys the others come to know."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import AlreadyExists, NotFound, UnusableKey
from tests.backends import Backend

VAULT = bytes(range(16))
DIGEST = hashlib.sha256(b"chunk").digest()
SALT = b"s" * 32
REFRESH = 60.0


class Node:
    """One ring, and its own sense of time."""

    def __init__(self, records: object, *, refresh_seconds: float | None = REFRESH) -> None:
        self.now = 5000.0
        self.ring = KeyRing(
            LocalKeyProvider(b"r" * 32),
            records,  # type: ignore[arg-type]
            random=os.urandom,
            refresh_seconds=refresh_seconds,
            monotonic=lambda: self.now,
        )


@pytest.fixture
def records(backend: Backend, tmp_path: Path) -> Iterator[object]:
    place = backend.place(tmp_path / "store")
    place.folder.mkdir(mode=0o700)
    blobs = place.blobs()
    yield blobs
    blobs.close()


@pytest.fixture
def nodes(records: object) -> tuple[Node, Node]:
    return Node(records), Node(records)


def test_a_vault_that_one_made_another_opens_at_once(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    with pytest.raises(NotFound):
        there.ring.open(VAULT)
    made = here.ring.create(VAULT)
    assert there.ring.open(VAULT).chunk_id(DIGEST) == made.chunk_id(DIGEST)
    assert there.ring.vault_uids() == [VAULT]


def test_a_newer_key_is_used_by_others_after_a_while_and_by_whoever_needs_it_at_once(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    keys = there.ring.open(VAULT)
    rotated = here.ring.rotate(VAULT)
    assert rotated.frame_key_number == 2
    # It is not asked for with every chunk.
    assert there.ring.open(VAULT).frame_key_number == 1
    # But a frame that is sealed under it can be read now.
    assert keys.frame_key(2, SALT) == rotated.frame_key(2, SALT)
    assert there.ring.open(VAULT).frame_key_number == 2


def test_a_newer_key_is_sealed_with_by_everybody_after_a_refresh(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    keys = there.ring.open(VAULT)
    here.ring.rotate(VAULT)
    there.now += REFRESH
    assert there.ring.open(VAULT).frame_key_number == 1
    there.now += 1
    assert there.ring.open(VAULT).frame_key_number == 2
    # Whoever holds the keys already uses it too: they are the same object.
    assert keys is there.ring.open(VAULT)
    assert keys.frame_key_number == 2


def test_latest_asks_whatever_the_time(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    there.ring.open(VAULT)
    here.ring.rotate(VAULT)
    assert there.ring.latest(VAULT).frame_key_number == 2


def test_two_who_rotate_one_after_the_other_make_two_keys(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    there.ring.open(VAULT)
    assert here.ring.rotate(VAULT).frame_key_number == 2
    assert there.ring.rotate(VAULT).frame_key_number == 3
    here.now += REFRESH + 1
    keys = here.ring.open(VAULT)
    for number in (1, 2, 3):
        assert keys.frame_key(number, SALT) == there.ring.open(VAULT).frame_key(number, SALT)


def test_of_two_who_rotate_at_the_same_moment_one_makes_the_key_and_the_other_is_told(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    there.ring.open(VAULT)
    seen = there.ring._slots(VAULT)
    made = here.ring.rotate(VAULT)
    # What it saw before the other one wrote.
    there.ring._slots = lambda uid: seen  # type: ignore[method-assign]
    with pytest.raises(AlreadyExists):
        there.ring.rotate(VAULT)
    del there.ring._slots
    assert there.ring.open(VAULT).frame_key_number == 1
    assert there.ring.latest(VAULT).frame_key(2, SALT) == made.frame_key(2, SALT)


def test_destroyed_keys_are_forgotten_by_everybody_after_a_refresh(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    here.ring.create(VAULT)
    there.ring.open(VAULT)
    here.ring.destroy(VAULT)
    there.now += REFRESH + 1
    for _ in range(2):
        with pytest.raises(NotFound):
            there.ring.open(VAULT)
    assert there.ring.vault_uids() == []


def test_a_key_that_nobody_made_is_looked_for_once_and_refused(nodes: tuple[Node, Node]) -> None:
    here, _ = nodes
    keys = here.ring.create(VAULT)
    with pytest.raises(UnusableKey):
        keys.frame_key(9, SALT)


class Counted:
    """Records, and how often they are listed."""

    def __init__(self, records: LocalBlobs) -> None:
        self._records = records
        self.lists = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._records, name)

    def list(self, prefix: str) -> Iterator[str]:
        self.lists += 1
        return self._records.list(prefix)


def test_nothing_is_listed_while_keys_are_fresh_and_never_where_one_has_the_store(tmp_path: Path) -> None:
    records = Counted(LocalBlobs(tmp_path))
    shared, own = Node(records), Node(records, refresh_seconds=None)
    shared.ring.create(VAULT)
    own.ring.open(VAULT)
    before = records.lists
    for _ in range(100):
        shared.now += REFRESH / 200
        own.now += 3600
        shared.ring.open(VAULT)
        own.ring.open(VAULT)
    assert records.lists == before
    shared.now += REFRESH
    shared.ring.open(VAULT)
    assert records.lists == before + 1
    with pytest.raises(UnusableKey):
        own.ring.open(VAULT).frame_key(5, SALT)
    assert records.lists == before + 1


def test_a_store_that_is_away_for_a_moment_takes_no_keys_from_those_who_have_them(tmp_path: Path) -> None:
    from holdfast.model.errors import Unavailable

    class Away(Counted):
        away = False

        def list(self, prefix: str) -> Iterator[str]:
            if self.away:
                raise Unavailable("the bucket is away")
            return super().list(prefix)

    records = Away(LocalBlobs(tmp_path))
    node = Node(records)
    made: VaultKeys = node.ring.create(VAULT)
    node.now += REFRESH + 1
    records.away = True
    with pytest.raises(Unavailable):
        node.ring.open(VAULT)
    records.away = False
    assert node.ring.open(VAULT) is made

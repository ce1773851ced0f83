import threading
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.keys.watched import WatchedKeyProvider
from holdfast.model.errors import Unavailable, UnusableKey

ROOT = b"r" * 32


class Owner:
    """Whoever allows the use of the root key, or does not."""

    def __init__(self) -> None:
        self.answer: bytes | Exception = ROOT
        self.asked = threading.Semaphore(0)
        self.reports: list[str | None] = []

    def ask(self) -> bytes:
        self.asked.release()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def provider(self) -> WatchedKeyProvider:
        return WatchedKeyProvider(LocalKeyProvider(ROOT), self.ask, report=self.reports.append)


def test_while_it_is_allowed_it_is_the_root_key() -> None:
    owner = Owner()
    watched, plain = owner.provider(), LocalKeyProvider(ROOT)
    watched.refresh()
    watched.require_usable()
    assert watched.root_id == plain.root_id
    assert plain.unwrap(watched.wrap(b"key", b"c"), b"c") == b"key"
    assert watched.unwrap(plain.wrap(b"key", b"c"), b"c") == b"key"
    assert watched.derive(b"tokens") == plain.derive(b"tokens")
    assert owner.reports == []


def test_a_refusal_counts_for_every_use_until_the_next_yes() -> None:
    owner = Owner()
    watched = owner.provider()
    wrapped = watched.wrap(b"key", b"c")
    owner.answer = UnusableKey("the key is disabled")
    watched.refresh()
    watched.refresh()
    for use in (
        watched.require_usable,
        lambda: watched.wrap(b"key", b"c"),
        lambda: watched.unwrap(wrapped, b"c"),
        lambda: watched.derive(b"x"),
    ):
        with pytest.raises(UnusableKey, match="the key is disabled"):
            use()
    owner.answer = ROOT
    watched.refresh()
    assert watched.unwrap(wrapped, b"c") == b"key"
    assert owner.reports == ["the key is disabled", None]


@pytest.mark.parametrize("allowed", [True, False])
def test_an_owner_that_cannot_be_reached_changes_nothing(allowed: bool) -> None:
    owner = Owner()
    watched = owner.provider()
    if not allowed:
        owner.answer = UnusableKey("disabled")
        watched.refresh()
    owner.answer = Unavailable("nobody answers")
    watched.refresh()
    if allowed:
        watched.require_usable()
    else:
        with pytest.raises(UnusableKey):
            watched.require_usable()


def test_another_root_key_than_at_the_start_is_refused() -> None:
    owner = Owner()
    watched = owner.provider()
    owner.answer = b"R" * 32
    watched.refresh()
    with pytest.raises(UnusableKey, match="another one than at the start"):
        watched.require_usable()


def test_it_asks_by_itself_and_stops_when_it_is_closed() -> None:
    owner = Owner()
    watched = owner.provider()
    owner.answer = UnusableKey("disabled")
    watched.watch(0.001)
    for _ in range(3):
        assert owner.asked.acquire(timeout=60)
    watched.close()
    with pytest.raises(UnusableKey):
        watched.require_usable()
    assert watched._thread is not None
    watched._thread.join(60)
    assert not watched._thread.is_alive()


def test_a_defect_of_the_asking_does_not_end_the_asking() -> None:
    owner = Owner()
    watched = owner.provider()
    owner.answer = ZeroDivisionError("a defect")
    watched.watch(0.001)
    for _ in range(3):
        assert owner.asked.acquire(timeout=60)
    watched.close()
    assert "asking for the root key failed: ZeroDivisionError: a defect" in owner.reports
    watched.require_usable()


def test_keys_that_were_opened_before_are_refused_as_well(tmp_path: Path) -> None:
    owner = Owner()
    watched = owner.provider()
    ring = KeyRing(watched, LocalBlobs(tmp_path))
    ring.create(b"v" * 16)
    owner.answer = UnusableKey("disabled")
    watched.refresh()
    for use in (ring.open, ring.rotate):
        with pytest.raises(UnusableKey, match="disabled"):
            use(b"v" * 16)
    with pytest.raises(UnusableKey, match="disabled"):
        ring.create(b"w" * 16)
    owner.answer = ROOT
    watched.refresh()
    assert ring.rotate(b"v" * 16).frame_key_number == 2

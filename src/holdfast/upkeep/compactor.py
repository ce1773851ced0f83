"""Copies what lives in packs that are mostly dead into the pack that is being filled, so that the old files can go.

What is always true here: a frame is copied only after it was unsealed, so that damage is never carried on as if it were
sound; a row follows its copy only if it still stands where the copy was read (catalog.relocate), in a transaction that
comes after the copy's sync; and nothing is removed here. A pack from which the last row has gone is found empty by
`upkeep.doom`. A crash at any point leaves copies that no row mentions, which are dead space of their pack.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.catalog import holds, packs, relocate
from holdfast.catalog.packs import PackRow
from holdfast.catalog.relocate import FrameRow, Moved
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, HoldfastError, NotFound, UnusableKey
from holdfast.model.limits import MIB
from holdfast.model.purpose import Purpose
from holdfast.upkeep.compaction_plan import THRESHOLD_DEFAULT, Choice, plan
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

_PACKS_PER_PLAN = 64
_MANY_PACKS = 1024
_FRAMES_PER_STEP = 1000
_BYTES_PER_STEP = 4 * MIB
_SET_ASIDE_SECONDS = 600.0
_REST_SECONDS_MIN, _REST_SECONDS_MAX = 60.0, 3600.0


class Keys(Protocol):
    """Opens the keys of a vault (uid of 16 bytes). NotFound, UnusableKey."""

    def open(self, vault_uid: bytes) -> VaultKeys: ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one step copies of a pack: sound frames ready to be written, and the damaged ones among them."""

    rows: list[FrameRow]
    frames: list[SealedFrame]
    damaged: list[FrameRow]


def make_plan(tx: Tx, threshold: int, packs_max: int = _PACKS_PER_PLAN) -> list[Choice]:
    """The packs that are worth compacting now; reads a bounded number of rows."""
    return plan(
        packs.wasteful(tx, threshold, packs_max),
        packs.under_old_key(tx, packs_max),
        packs.small(tx, _MANY_PACKS),
    )


class Compactor:
    """Works off one plan after the other, up to 4 MiB (or one larger frame) a step. Safe for many threads."""

    def __init__(
        self,
        catalog: Reader,
        writes: Writes,
        chunks: ChunkStore,
        keys: Keys,
        on_trouble: Callable[[HoldfastError], None] = lambda _: None,
        *,
        batch_bytes: int = _BYTES_PER_STEP,
    ) -> None:
        """`on_trouble` is told of a vault whose keys cannot be used; its packs are left alone for ten minutes."""
        self._catalog = catalog
        self._writes = writes
        self._chunks = chunks
        self._keys = keys
        self._on_trouble = on_trouble
        self._batch_bytes = batch_bytes
        self._lock = threading.Lock()
        self._plans: dict[int, deque[Choice]] = {}
        self._set_aside: dict[int, float] = {}
        self._rest_until = 0.0
        self._rest_seconds = _REST_SECONDS_MIN

    def step(self, now_us: int) -> Gain | None:  # noqa: ARG002 - no time is a reason to compact; workers look alike
        """One batch at the default threshold; without work nothing is written.

        Copies that could not be recorded are dead space, so after a failure it rests, longer each time, up to an hour.
        """
        if time.monotonic() < self._rest_until:
            return None
        try:
            gain = self.compact(THRESHOLD_DEFAULT)
        except HoldfastError:
            self._rest_until = time.monotonic() + self._rest_seconds
            self._rest_seconds = min(2 * self._rest_seconds, _REST_SECONDS_MAX)
            raise
        self._rest_seconds = _REST_SECONDS_MIN
        return gain

    def compact(self, threshold: int) -> Gain | None:
        """One batch of packs of which `threshold` hundredths (1 to 100) are dead.

        None if no pack is worth it, or as long as the files of earlier ones could not be removed. Raises Unavailable,
        and then the rows stand where they stood.
        """
        with self._lock:
            with self._catalog.snapshot() as tx:
                if holds.standing(tx) or packs.doomed(tx, 1):
                    return None
            queue = self._plans.pop(threshold, None) or self._choices(threshold)
            if not queue:
                return None
            gain, through = self._advance(queue[0].pack)
            self._plans[threshold] = self._worth_a_try(list(queue)[1:] if through else queue)
            return gain

    def _choices(self, threshold: int) -> deque[Choice]:
        now = time.monotonic()
        self._set_aside = {vault_no: until for vault_no, until in self._set_aside.items() if until > now}
        # Packs that are left alone must not fill the whole plan.
        packs_max = _MANY_PACKS if self._set_aside else _PACKS_PER_PLAN
        with self._catalog.snapshot() as tx:
            return self._worth_a_try(make_plan(tx, threshold, packs_max))

    def _worth_a_try(self, choices: Iterable[Choice]) -> deque[Choice]:
        return deque(choice for choice in choices if choice.pack.vault_no not in self._set_aside)

    def _advance(self, pack: PackRow) -> tuple[Gain, bool]:
        """Copies the next batch of the pack; what that came to, and whether nothing more is to be copied of it."""
        try:
            keys = self._keys.open(pack.vault_uid)
            with self._catalog.snapshot() as tx:
                rows = relocate.sound_frames(tx, pack.pack_no, _FRAMES_PER_STEP)
            batch = self._copied(keys, pack, rows)
        except (UnusableKey, NotFound) as unusable:
            self._set_aside[pack.vault_no] = time.monotonic() + _SET_ASIDE_SECONDS
            self._on_trouble(unusable)
            return Gain(), True

        def switch(tx: Tx, locations: Sequence[Location]) -> bool:
            relocate.mark_bad(tx, pack.pack_no, batch.damaged)
            moves = [
                Moved(row, place.pack, place.offset, place.frame_bytes)
                for row, place in zip(batch.rows, locations, strict=True)
            ]
            relocate.move(tx, pack.pack_no, moves)
            return packs.exhaust(tx, pack.pack_no)

        through = self._writes.submit(batch.frames, switch, purpose=Purpose.FREE)
        gain = Gain(
            compacted_packs=int(through and bool(rows)),
            copied_bytes=sum([frame.frame_bytes for frame in batch.frames]),
            damaged_frames=len(batch.damaged),
        )
        # Without rows and not exhausted: the pack went while it waited for its turn.
        return gain, through or not rows

    def _copied(self, keys: VaultKeys, pack: PackRow, rows: Sequence[FrameRow]) -> _Batch:
        batch = _Batch([], [], [])
        room = self._batch_bytes
        for row in rows:
            if row.frame_bytes > room and (batch.rows or batch.damaged):
                break
            room -= row.frame_bytes
            place = Location(pack.uid, row.frame_offset, row.frame_bytes)
            try:
                frame = self._chunks.copy(keys, row.chunk_id, place, row.raw_bytes)
            except Damaged:
                batch.damaged.append(row)
                continue
            batch.rows.append(row)
            batch.frames.append(frame)
        return batch

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
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from holdfast.catalog import holds, packs, relocate, vault_keys
from holdfast.catalog.packs import PackRow
from holdfast.catalog.relocate import FrameRow, Moved
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, HoldfastError, NotFound, UnusableKey
from holdfast.model.limits import MIB
from holdfast.model.purpose import Purpose
from holdfast.upkeep.compaction_plan import THRESHOLD_DEFAULT, Choice, Reason, plan
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

_PACKS_PER_PLAN = 64
_MANY_PACKS = 1024
_FRAMES_PER_STEP = 1000
_FRAMES_PER_MIB = 250
BYTES_PER_STEP = 4 * MIB
WHOLE_BYTES_PER_STEP = 24 * MIB
_SET_ASIDE_SECONDS = 600.0
_REST_SECONDS_MIN, _REST_SECONDS_MAX = 60.0, 3600.0


class Keys(Protocol):
    """Opens the keys of a vault (uid of 16 bytes). NotFound, UnusableKey."""

    def open(self, vault_uid: bytes) -> VaultKeys: ...

    def latest(self, vault_uid: bytes) -> VaultKeys:
        """As `open`, with every frame key that others have made by now."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one step copies of one pack: sound frames ready to be written, and the damaged ones among them."""

    pack: PackRow
    rows: list[FrameRow] = field(default_factory=list)
    frames: list[SealedFrame] = field(default_factory=list)
    damaged: list[FrameRow] = field(default_factory=list)

    @property
    def looked_at(self) -> int:
        """How many rows were taken, one way or the other."""
        return len(self.rows) + len(self.damaged)

    def switch(self, tx: Tx, places: Sequence[Location]) -> bool:
        """Lets the rows follow their copies; whether nothing more is to be copied of the pack."""
        relocate.mark_bad(tx, self.pack.pack_no, self.damaged)
        moves = [
            Moved(row, place.pack, place.offset, place.frame_bytes)
            for row, place in zip(self.rows, places, strict=True)
        ]
        relocate.move(tx, self.pack.pack_no, moves)
        # Without rows and not exhausted: the pack went while it waited for its turn.
        return packs.exhaust(tx, self.pack.pack_no) or not self.looked_at


def make_plan(tx: Tx, threshold: int, packs_max: int = _PACKS_PER_PLAN) -> list[Choice]:
    """The packs that are worth compacting now; reads a bounded number of rows."""
    return plan(
        packs.wasteful(tx, threshold, packs_max),
        packs.under_old_key(tx, packs_max),
        packs.small(tx, _MANY_PACKS),
    )


class Compactor:
    """Works off one plan after the other, up to `batch_bytes` (or one larger frame) a step. Safe for many threads."""

    def __init__(
        self,
        catalog: Reader,
        writes: Writes,
        chunks: ChunkStore,
        keys: Keys,
        on_trouble: Callable[[HoldfastError], None] = lambda _: None,
        *,
        batch_bytes: int = BYTES_PER_STEP,
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
        self._unjoined: dict[int, float] = {}
        """Vaults whose small packs are left as they are, and until when."""
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
            gain, through = self._advance(queue)
            self._plans[threshold] = self._worth_a_try(list(queue)[through:])
            return gain

    def _choices(self, threshold: int) -> deque[Choice]:
        now = time.monotonic()
        self._set_aside = {vault_no: until for vault_no, until in self._set_aside.items() if until > now}
        self._unjoined = {vault_no: until for vault_no, until in self._unjoined.items() if until > now}
        # Packs that are left alone must not fill the whole plan.
        packs_max = _MANY_PACKS if self._set_aside else _PACKS_PER_PLAN
        with self._catalog.snapshot() as tx:
            return self._worth_a_try(make_plan(tx, threshold, packs_max))

    def _worth_a_try(self, choices: Iterable[Choice]) -> deque[Choice]:
        return deque(choice for choice in choices if self._is_worth_a_try(choice))

    def _is_worth_a_try(self, choice: Choice) -> bool:
        vault_no = choice.pack.vault_no
        rests = choice.reason is Reason.SMALL and vault_no in self._unjoined
        return vault_no not in self._set_aside and not rests

    def _advance(self, queue: Sequence[Choice]) -> tuple[Gain, int]:
        """Copies the next batch; what that came to, and of how many packs of the queue nothing more is to be copied."""
        vault_no = queue[0].pack.vault_no
        try:
            parts = self._batch(queue)
        except (UnusableKey, NotFound) as unusable:
            self._set_aside[vault_no] = time.monotonic() + _SET_ASIDE_SECONDS
            self._on_trouble(unusable)
            return Gain(), 1
        if len(parts) == 1 < len(queue) and _joins(queue[0], queue[1]):
            # One of them fills a batch with its many frames: copied, it would be as small as before.
            self._unjoined[vault_no] = time.monotonic() + _SET_ASIDE_SECONDS
            return Gain(), 1

        def switch(tx: Tx, locations: Sequence[Location]) -> list[bool]:
            places = iter(locations)
            return [part.switch(tx, list(islice(places, len(part.frames)))) for part in parts]

        frames = [frame for part in parts for frame in part.frames]
        through = self._writes.submit(frames, switch, purpose=Purpose.FREE)
        gain = Gain(
            compacted_packs=sum(done and part.looked_at > 0 for done, part in zip(through, parts, strict=True)),
            copied_bytes=sum([frame.frame_bytes for frame in frames]),
            damaged_frames=sum(len(part.damaged) for part in parts),
        )
        # All but the last are whole; that one may go on.
        return gain, through.index(False) if False in through else len(through)

    def _batch(self, queue: Sequence[Choice]) -> list[_Part]:
        """The next frames of the first pack; and where small packs are to be joined, of those after it."""
        first = queue[0]
        keys = self._latest(first.pack) if first.reason is Reason.OLD_KEY else self._keys.open(first.pack.vault_uid)
        parts: list[_Part] = []
        room, frames_left = self._batch_bytes, max(_FRAMES_PER_STEP, self._batch_bytes // MIB * _FRAMES_PER_MIB)
        for choice in queue:
            if parts and not _joins(first, choice):
                break
            with self._catalog.snapshot() as tx:
                rows = relocate.sound_frames(tx, choice.pack.pack_no, frames_left)
            part = self._copied(keys, choice.pack, rows, room, at_least_one=not parts)
            parts.append(part)
            room -= sum([frame.frame_bytes for frame in part.frames])
            frames_left -= len(rows)
            if part.looked_at < len(rows) or frames_left <= 0 or room <= 0:
                break
        return parts

    def _latest(self, pack: PackRow) -> VaultKeys:
        """Sealed anew under any other key than the latest, a frame would be due again at once."""
        keys = self._keys.latest(pack.vault_uid)
        with self._catalog.snapshot() as tx:
            latest_no = vault_keys.key_number(tx, pack.vault_no)
        if keys.frame_key_number < latest_no:
            raise UnusableKey(
                f"frame key {latest_no} of vault {pack.vault_uid.hex()} is not on the key ring: its record is missing"
                " or damaged; restore it from a copy or a recovery bundle"
            )
        return keys

    def _copied(
        self, keys: VaultKeys, pack: PackRow, rows: Sequence[FrameRow], room: int, *, at_least_one: bool
    ) -> _Part:
        part = _Part(pack)
        for row in rows:
            if row.frame_bytes > room and (part.looked_at or not at_least_one):
                break
            room -= row.frame_bytes
            place = Location(pack.uid, row.frame_offset, row.frame_bytes)
            try:
                frame = self._chunks.copy(keys, row.chunk_id, place, row.raw_bytes)
            except Damaged:
                part.damaged.append(row)
                continue
            part.rows.append(row)
            part.frames.append(frame)
        return part


def _joins(first: Choice, other: Choice) -> bool:
    return first.reason is other.reason is Reason.SMALL and first.pack.vault_no == other.pack.vault_no

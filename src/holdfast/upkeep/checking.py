"""Checks stored frames, and does at once what can be done about those that fail.

A frame that fails is looked up again first: if its chunk was moved or healed in the meantime, the old place means
nothing. One that is damaged is restored from its pack's parity where there is some: what was restored is unsealed and
hashed like anything read, written as a new frame, and the chunk stands there from then on; no pack is ever overwritten.
What cannot be restored is marked bad, so that the next upload of the same bytes heals it. A bad one that passes now (a
disk that is back, a cable) is good again.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.blobs.port import BlobStore
from holdfast.catalog import damage, frames, relocate
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.relocate import FrameRow, Moved
from holdfast.catalog.transaction import Tx
from holdfast.chunks.parity import Parity
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.verify import damage_of, damaged_frames
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, HoldfastError, NotFound, ReadOnly, Unavailable, UnusableKey
from holdfast.model.purpose import Purpose
from holdfast.upkeep.worker import Reader, Writes

T = TypeVar("T")

_LOOKS_MAX = 4


class Keys(Protocol):
    """Opens the keys of a vault (uid of 16 bytes). NotFound, UnusableKey."""

    def open(self, vault_uid: bytes) -> VaultKeys: ...


class Reseal(Protocol):
    """Writes anew from the catalog what the packs say of recovery points and vaults (records.reseal)."""

    def manifest(self, point_uid: str) -> bool:
        """The manifest of that recovery point; False if it needs none."""

    def record(self, chunk_no: int) -> bool:
        """The record that stands in the frame of that chunk; False if there is none."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check came to."""

    frames: int = 0
    frame_bytes: int = 0
    damaged: int = 0
    """Found damaged and not restored."""
    repaired: int = 0
    """Restored from parity, or found good again."""
    resealed: int = 0
    """Manifests and records that were damaged and have been written anew from the catalog."""

    def __add__(self, other: "Checked") -> "Checked":
        return Checked(
            self.frames + other.frames,
            self.frame_bytes + other.frame_bytes,
            self.damaged + other.damaged,
            self.repaired + other.repaired,
            self.resealed + other.resealed,
        )


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks frames of one store. Safe for many threads."""

    catalog: Reader
    commits: Writes
    blobs: BlobStore
    keys: Keys
    parity: Parity
    reseal: Reseal | None = None

    def check(self, chosen: Sequence[StoredFrame]) -> Checked:
        """Reads, decrypts and hashes every one of them; the caller bounds their bytes.

        Raises Unavailable where the store cannot be read, UnusableKey where a vault's keys cannot be used: neither says
        anything about a frame.
        """
        lost = self._lost(chosen)
        lost_nos = {frame.chunk_no for frame in lost}
        good_again = [frame for frame in chosen if frame.bad and frame.chunk_no not in lost_nos]
        restored = self._restore(lost)
        bad = [frame for frame in lost if frame.chunk_no not in restored]
        newly_bad = [frame for frame in bad if not frame.bad]
        if newly_bad or good_again:

            def note(tx: Tx, _: object) -> None:
                frames.mark(tx, newly_bad, bad=True)
                frames.mark(tx, good_again, bad=False)

            self.commits.submit((), note, purpose=Purpose.FREE)
        return Checked(
            frames=len(chosen),
            frame_bytes=sum(frame.frame_bytes for frame in chosen),
            damaged=len(bad),
            repaired=len(restored) + len(good_again),
            resealed=self._reseal([frame.chunk_no for frame in bad]),
        )

    def reason(self, chunk_no: int) -> str | None:
        """Why the chunk cannot be read now; None if it can be, or is gone."""
        with self.catalog.snapshot() as tx:
            found = frames.of_numbers(tx, [chunk_no])
        reasons = [reason for frame in found for _, reason in self._damaged([frame])]
        return reasons[0] if reasons else None

    def _lost(self, chosen: Sequence[StoredFrame]) -> list[StoredFrame]:
        """Those that are damaged where they stand now."""
        lost: list[StoredFrame] = []
        pending = list(chosen)
        for _ in range(_LOOKS_MAX):
            failed = [frame for frame, _ in self._damaged(pending)]
            if not failed:
                break
            with self.catalog.snapshot() as tx:
                now = {frame.chunk_no: frame for frame in frames.of_numbers(tx, [each.chunk_no for each in failed])}
            there = [(frame, now[frame.chunk_no]) for frame in failed if frame.chunk_no in now]
            lost += [latest for before, latest in there if before.place == latest.place]
            pending = [latest for before, latest in there if before.place != latest.place]
        return lost

    def _damaged(self, chosen: Sequence[StoredFrame]) -> list[tuple[StoredFrame, str]]:
        by_pack: dict[tuple[bytes, bytes], list[StoredFrame]] = {}
        for frame in chosen:
            by_pack.setdefault((frame.vault, frame.pack), []).append(frame)
        found: list[tuple[StoredFrame, str]] = []
        for (vault, pack), group in by_pack.items():
            found += damaged_frames(self.blobs, self._open(vault), pack, group)
        return found

    def _open(self, vault: bytes) -> VaultKeys:
        try:
            return self.keys.open(vault)
        except NotFound as missing:
            raise UnusableKey(
                f"vault {vault.hex()} has no keys on the key ring, so nothing of it can be checked: restore its key"
                " records from a copy or a recovery bundle"
            ) from missing

    def _restore(self, lost: Sequence[StoredFrame]) -> set[int]:
        """The numbers of those that could be restored from parity; each stands in a new place then, durably."""
        by_pack: dict[tuple[bytes, bytes], list[StoredFrame]] = {}
        for frame in lost:
            if frame.parity_percent:
                by_pack.setdefault((frame.vault, frame.pack), []).append(frame)
        restored: set[int] = set()
        for (vault, pack), group in by_pack.items():
            copies = self._restored_frames(vault, pack, group)
            # Where nothing can be written a frame is as damaged as without parity.
            with suppress(ReadOnly):
                if copies:
                    self._stand_anew(copies)
                    restored.update(frame.chunk_no for frame, _ in copies)
        return restored

    def _restored_frames(
        self, vault: bytes, pack: bytes, group: Sequence[StoredFrame]
    ) -> list[tuple[StoredFrame, SealedFrame]]:
        keys = self._open(vault)
        copies: list[tuple[StoredFrame, SealedFrame]] = []
        try:
            restoration = self.parity.restoration(vault, pack)
        except Damaged:
            return copies
        for frame in group:
            try:
                data = restoration.read(frame.frame_offset, frame.frame_bytes)
            except (Damaged, Unavailable):
                # Too much is lost, or the library is not there: the frame is as damaged as without parity.
                continue
            if damage_of(keys, frame, data) is None:
                copies.append((frame, SealedFrame(vault, frame.chunk_id, frame.raw_bytes, (data,))))
        return copies

    def _stand_anew(self, copies: Sequence[tuple[StoredFrame, SealedFrame]]) -> None:
        """Writes the frames again, of one pack, and lets their chunks stand there."""
        pack_no = copies[0][0].pack_no

        def move(tx: Tx, places: Sequence[Location]) -> None:
            moved = [
                Moved(
                    FrameRow(old.chunk_no, old.chunk_id, old.raw_bytes, old.frame_offset, old.frame_bytes),
                    place.pack,
                    place.offset,
                    place.frame_bytes,
                )
                for (old, _), place in zip(copies, places, strict=True)
            ]
            relocate.move(tx, pack_no, moved)

        self.commits.submit([copy for _, copy in copies], move, purpose=Purpose.FREE)

    def _reseal(self, chunk_nos: Sequence[int]) -> int:
        if self.reseal is None or not chunk_nos:
            return 0
        with self.catalog.snapshot() as tx:
            points = sorted({one.point_uid for one in damage.manifests_of(tx, chunk_nos)})
            records = [chunk_no for chunk_no in chunk_nos if damage.records_of(tx, chunk_no)]
        manifest, record = self.reseal.manifest, self.reseal.record
        return sum(_succeeds(manifest, uid) for uid in points) + sum(_succeeds(record, one) for one in records)


def _succeeds(write: Callable[[T], bool], what: T) -> bool:
    try:
        return write(what)
    except HoldfastError:
        # It is being written by somebody else, its own digests are damaged, or the disk is full: it stays reported.
        return False

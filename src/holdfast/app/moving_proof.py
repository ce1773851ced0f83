"""Opens at the target what was sealed at the source: its keys, its manifests, and, where asked for, every frame.

That bytes and rows are the same is shown by their digests; this shows that they belong together and can be used where
they are now. What cannot be opened is tried at the source: if it cannot be opened there either, it was damaged before,
is told and goes along as it is.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from holdfast.app.moving_crew import THREADS_DEFAULT, each
from holdfast.app.moving_places import End, StoreKeys
from holdfast.app.moving_report import MoveReport, Progress
from holdfast.app.moving_transactions import seen
from holdfast.catalog import frames, pack_checks, transfer
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.pack_checks import PackToCheck
from holdfast.catalog.transfer import ManifestPart
from holdfast.chunks.port import Location
from holdfast.chunks.store import ChunkStore
from holdfast.chunks.verify import RUN_BYTES_MAX, damaged_frames
from holdfast.keys.ring import KeyRing
from holdfast.model.errors import Damaged, NotFound, UnusableKey
from holdfast.model.limits import CHUNK_BYTES_MAX
from holdfast.packfile import manifest
from holdfast.packfile.layout import Kind

_PARTS_PER_PAGE = 200
_FRAMES_PER_PAGE = 1000
_WEIGHT = RUN_BYTES_MAX + CHUNK_BYTES_MAX
"""Bytes that checking one pack holds, if its chunks are of the usual size."""

Part = tuple[ManifestPart, StoredFrame]


@dataclass(slots=True)
class Proof:
    """Looks at the target as a reader would. For one caller; it works with several threads."""

    source: End
    target: End
    keys: StoreKeys
    report: MoveReport
    progress: Progress
    threads: int = THREADS_DEFAULT
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open_keys(self) -> None:
        """Raises Damaged or UnusableKey where the target's keys do not open what the source's do."""
        there, here = self.keys.ring(self.source.blobs), self.keys.ring(self.target.blobs)
        if there.token_key() != here.token_key():
            raise Damaged("tokens that were given out at the source would be refused at the target: run again")
        for vault_uid in there.vault_uids():
            if there.numbers(vault_uid) != here.numbers(vault_uid):
                raise Damaged(f"vault {vault_uid.hex()} has other keys at the target than at the source: run again")
            if self._opens(there, vault_uid):
                here.open(vault_uid)

    def open_manifests(self) -> None:
        """Unseals every part of every manifest. Raises Damaged for one that only the source can open."""
        total = self._count_parts()
        check = partial(self._check_part, self._reader(self.target), self._reader(self.source), total)
        each(self._parts(), check, lambda part: part[1].frame_bytes + part[1].raw_bytes, threads=self.threads)

    def check_frames(self) -> None:
        """Decrypts and hashes every frame of every pack. Raises Damaged for one that only the source can read."""
        total = seen(self.target.catalog, pack_checks.count)
        here, there = self.keys.ring(self.target.blobs), self.keys.ring(self.source.blobs)
        done = 0

        def check(pack: PackToCheck) -> None:
            nonlocal done
            for group in self._frames(pack):
                self._check_frames(pack, group, here, there)
            with self._lock:
                done += 1
                count = done
            self.progress("packs checked", count, total)

        each(self._packs(), check, lambda _: _WEIGHT, threads=self.threads)

    def _check_part(self, here: "_Reads", there: "_Reads", total: int, both: Part) -> None:
        part, frame = both
        what = f"part {part.part} of the manifest of recovery point {part.point_uid}"
        try:
            found = manifest.decode(here(frame))
            if found.head.point_uid != part.point_uid:
                raise Damaged(f"it is that of {found.head.point_uid}")
        except (Damaged, UnusableKey, NotFound) as refused:
            if _can(there, frame):
                raise Damaged(f"{what} cannot be read at the target: {refused.message}") from refused
            with self._lock:
                self.report.add_damaged(f"{what}: {refused.message}")
        with self._lock:
            self.report.manifests += 1
            count = self.report.manifests
        self.progress("manifests opened", count, total)

    def _check_frames(self, pack: PackToCheck, group: Sequence[StoredFrame], here: KeyRing, there: KeyRing) -> None:
        lost = _lost(self.target, here, pack, group)
        if lost:
            also_there = dict(_lost(self.source, there, pack, [frame for frame, _ in lost]))
            for frame, reason in lost:
                if frame not in also_there:
                    raise Damaged(f"what the source can read, the target cannot: {reason}")
        with self._lock:
            self.report.frames += len(group)
            for _, reason in lost:
                self.report.add_damaged(reason)

    def _reader(self, end: End) -> "_Reads":
        ring, chunks = self.keys.ring(end.blobs), ChunkStore(end.blobs)

        def read(frame: StoredFrame) -> bytes:
            place = Location(frame.pack, frame.frame_offset, frame.frame_bytes)
            return chunks.read(ring.open(frame.vault), frame.chunk_id, place, frame.raw_bytes, kind=Kind.MANIFEST)

        return read

    def _count_parts(self) -> int:
        return self.report.tables["manifests"].rows

    def _parts(self) -> Iterator[Part]:
        after = (0, -1)
        while True:
            parts = seen(self.target.catalog, partial(transfer.manifest_parts, after=after, limit=_PARTS_PER_PAGE))
            numbers = [part.chunk_no for part in parts]
            stored = seen(self.target.catalog, partial(frames.of_numbers, chunk_nos=numbers))
            found = {one.chunk_no: one for one in stored}
            yield from ((part, found[part.chunk_no]) for part in parts if part.chunk_no in found)
            if len(parts) < _PARTS_PER_PAGE:
                return
            after = (parts[-1].point_no, parts[-1].part)

    def _packs(self) -> Iterator[PackToCheck]:
        lowest = 1
        while True:
            pack = seen(self.target.catalog, partial(pack_checks.following, lowest=lowest, highest=2**63 - 1))
            if pack is None:
                return
            yield pack
            lowest = pack.pack_no + 1

    def _frames(self, pack: PackToCheck) -> Iterator[list[StoredFrame]]:
        after = (0, 0)
        while True:
            page = partial(frames.of_pack, pack_no=pack.pack_no, after=after, limit=_FRAMES_PER_PAGE)
            found = seen(self.target.catalog, page)
            if found:
                yield found
            if len(found) < _FRAMES_PER_PAGE:
                return
            after = (found[-1].frame_offset, found[-1].chunk_no)

    def _opens(self, ring: KeyRing, vault_uid: bytes) -> bool:
        try:
            ring.open(vault_uid)
        except (Damaged, UnusableKey) as refused:
            self.report.add_damaged(refused.message)
            return False
        return True


_Reads = Callable[[StoredFrame], bytes]


def _can(read: _Reads, frame: StoredFrame) -> bool:
    try:
        manifest.decode(read(frame))
    except (Damaged, UnusableKey, NotFound):
        return False
    return True


def _lost(end: End, ring: KeyRing, pack: PackToCheck, group: Sequence[StoredFrame]) -> list[tuple[StoredFrame, str]]:
    try:
        keys = ring.open(pack.vault)
    except (Damaged, UnusableKey, NotFound) as refused:
        return [(frame, refused.message) for frame in group]
    return list(damaged_frames(end.blobs, keys, pack.uid, group))

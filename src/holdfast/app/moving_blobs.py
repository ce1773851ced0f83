"""Copies packs, parity and key records to the target, and reads back what was copied.

What is always true here: nothing of the source is changed; what is believed of the target was read from it in this run
and has the SHA-256 of what was read from the source; and when all is copied, the target holds nothing else, so that a
key that was destroyed in the meantime is gone there too. What the source's own disk no longer gives is copied as zeros,
which no frame's seal passes: it is as lost there as here, and its neighbours are not.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from holdfast.app.moving_crew import THREADS_DEFAULT, each
from holdfast.app.moving_journal import Journal
from holdfast.app.moving_places import End
from holdfast.app.moving_report import MoveReport, Progress
from holdfast.app.moving_transactions import seen
from holdfast.blobs.port import BlobStore
from holdfast.catalog import transfer
from holdfast.chunks.packs import pack_name
from holdfast.chunks.parity import PREFIX as PARITY
from holdfast.chunks.parity import parity_name
from holdfast.keys.record import PREFIX as KEYS
from holdfast.model.errors import Damaged, NotFound
from holdfast.model.limits import KIB

PACKS = "packs/"
_PACKS_PER_PAGE = 1000
_SALVAGED_BYTES = 64 * KIB
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A blob that belongs to the store. `length` is how much of it, in bytes; `pack_no` is None for parity."""

    name: str
    length: int
    pack_no: int | None


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look at everything came to."""

    wanted: list[Wanted]
    copied_bytes: int


def wanted_blobs(source: End, *, frozen: bool) -> Iterator[Wanted]:
    """Packs and their parity, as the source's catalog knows them: those that grow no more, `frozen` all of them."""
    after = 0
    while True:
        packs = seen(source.catalog, partial(transfer.packs, after=after, limit=_PACKS_PER_PAGE))
        for pack in packs:
            if pack.bytes_needed and (pack.is_measured or frozen):
                yield Wanted(pack_name(pack.vault_uid, pack.uid), pack.bytes_needed, pack.pack_no)
            if pack.parity_percent:
                name = parity_name(pack.vault_uid, pack.uid)
                length = _size(source.blobs, name)
                if length:
                    yield Wanted(name, length, None)
        if len(packs) < _PACKS_PER_PAGE:
            return
        after = packs[-1].pack_no


@dataclass(slots=True)
class BlobCopy:
    """The copying of one run. For one caller at a time; it works with several threads."""

    source: End
    target: End
    journal: Journal
    report: MoveReport
    progress: Progress
    threads: int = THREADS_DEFAULT
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _verified: set[str] = field(default_factory=set)
    _differing: list[str] = field(default_factory=list)
    _done: int = 0

    def copy(self, *, frozen: bool) -> Pass:
        """Copies what is not there yet. `frozen`: the source takes no changes, and nothing may be missing."""
        before = self.report.copied_bytes
        wanted = list(wanted_blobs(self.source, frozen=frozen))
        due = [one for one in wanted if not self._is_there(one)]
        total = sum(one.length for one in due)
        self._done = 0

        def work(one: Wanted) -> None:
            self._copy(one, frozen=frozen)
            self._told("bytes copied", one.length, total)

        each(due, work, lambda one: one.length, threads=self.threads)
        self._copy_keys()
        return Pass(wanted, self.report.copied_bytes - before)

    def verify(self, wanted: Iterable[Wanted]) -> None:
        """Reads back what was not read back in this run. Raises Damaged, and what differs is copied anew next time."""
        due = [one for one in wanted if one.name not in self._verified]
        total = sum(one.length for one in due)
        self._done = 0
        self._differing = []

        def work(one: Wanted) -> None:
            self._verify(one)
            self._told("bytes read back", one.length, total)

        each(due, work, lambda one: one.length, threads=self.threads)
        if self._differing:
            named = ", ".join(sorted(self._differing)[:_NAMED_MAX])
            raise Damaged(
                f"{len(self._differing):,} blobs at {self.target.where} are not what was copied there ({named}): run"
                " the command again, and they are copied anew; look into that place if it happens again"
            )

    def remove_others(self, wanted: Iterable[Wanted]) -> None:
        """Removes from the target what does not belong to the store any more, and checks the keys on both sides."""
        keys = set(self.source.blobs.list(KEYS))
        kept = {one.name for one in wanted} | keys
        for prefix in (PACKS, PARITY, KEYS):
            for name in list(self.target.blobs.list(prefix)):
                if name not in kept:
                    self.target.blobs.delete(name)
                    self.journal.forget(name)
        for name in keys:
            if self.target.blobs.get(name) != self.source.blobs.get(name):
                raise Damaged(f"the key record {name} at {self.target.where} is not what was copied there: run again")
        self.report.key_records = len(keys)

    def length_of(self, wanted: Wanted) -> int:
        """How many bytes of it there are at the target; 0 where the source had none."""
        entry = self.journal.find(wanted.name)
        return entry.length if entry is not None else 0

    def _is_there(self, wanted: Wanted) -> bool:
        entry = self.journal.find(wanted.name)
        return entry is not None and entry.length == wanted.length

    def _copy(self, wanted: Wanted, *, frozen: bool) -> None:
        try:
            data = self._read(wanted)
        except NotFound:
            # Collected since, or lost; if it is lost, the last look finds it so.
            if frozen:
                self._damaged(f"{wanted.name} is missing")
                self.target.blobs.delete(wanted.name)
                self.journal.forget(wanted.name)
            return
        if len(data) < wanted.length and frozen:
            self._damaged(f"{wanted.name} has {len(data):,} of {wanted.length:,} bytes")
        self.target.keep(wanted.name, data)
        self.journal.note(wanted.name, len(data), hashlib.sha256(data).digest())
        with self._lock:
            self._verified.discard(wanted.name)
            self.report.copied_blobs += 1
            self.report.copied_bytes += len(data)

    def _read(self, wanted: Wanted) -> bytes:
        try:
            return self.source.blobs.read(wanted.name, 0, wanted.length)
        except Damaged:
            pieces, lost = [], 0
            for offset in range(0, wanted.length, _SALVAGED_BYTES):
                length = min(_SALVAGED_BYTES, wanted.length - offset)
                try:
                    pieces.append(self.source.blobs.read(wanted.name, offset, length))
                except Damaged:
                    pieces.append(bytes(length))
                    lost += length
            self._damaged(f"{wanted.name} cannot be read in {lost:,} of {wanted.length:,} bytes")
            return b"".join(pieces)

    def _copy_keys(self) -> None:
        """Key records are small and few: they are compared each time."""
        for name in list(self.source.blobs.list(KEYS)):
            try:
                data = self.source.blobs.get(name)
            except NotFound:
                continue
            if _get(self.target.blobs, name) != data:
                self.target.keep(name, data)

    def _verify(self, wanted: Wanted) -> None:
        entry = self.journal.find(wanted.name)
        data = _get(self.target.blobs, wanted.name)
        if entry is None:
            # The source has none either: that was told when it was to be copied.
            is_right = data is None
        else:
            is_right = data is not None and hashlib.sha256(data).digest() == entry.sha256
        with self._lock:
            if is_right:
                self._verified.add(wanted.name)
                self.report.verified_blobs += 1
                self.report.verified_bytes += len(data or b"")
            else:
                self._differing.append(wanted.name)
        if not is_right:
            self.journal.forget(wanted.name)

    def _damaged(self, what: str) -> None:
        with self._lock:
            self.report.add_damaged(what)

    def _told(self, what: str, length: int, total: int) -> None:
        with self._lock:
            self._done += length
            done = self._done
        self.progress(what, done, total)


def _size(blobs: BlobStore, name: str) -> int:
    try:
        return blobs.size(name)
    except NotFound:
        return 0


def _get(blobs: BlobStore, name: str) -> bytes | None:
    try:
        return blobs.get(name)
    except (NotFound, Damaged):
        return None

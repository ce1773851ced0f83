"""Moves a store: from SQLite and a directory to PostgreSQL and a bucket, or back, or between two of a kind.

The order is the promise (docs/design/moving.md): blobs are copied and read back while the source goes on as ever; then
it is frozen, what came since is copied, and the rows; then all of it is compared and opened; and only then, in one
transaction, the source says for good that it was moved, after which the target may be opened. What is always true here:
until that transaction the source is whole and the only store, whatever happens to this process; a move that was broken
off is gone on with by the same command, and given up by `abort`.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from holdfast.app import moving_marks as marks
from holdfast.app.config import StoreOptions
from holdfast.app.moving_blobs import BlobCopy
from holdfast.app.moving_crew import THREADS_DEFAULT
from holdfast.app.moving_journal import Journal, forget
from holdfast.app.moving_marks import BeingMoved, Standing, Step, UnfinishedCopy, WasMoved
from holdfast.app.moving_places import (
    End,
    StoreKeys,
    give_keys,
    open_source,
    open_target,
    read_keys,
    require_no_blobs,
    require_own_keys,
    require_same_keys,
)
from holdfast.app.moving_proof import Proof
from holdfast.app.moving_report import MoveReport, Progress
from holdfast.app.moving_rows import compare_rows, copy_rows
from holdfast.app.moving_settling import settle
from holdfast.app.moving_transactions import done, seen
from holdfast.catalog import freezes, transfer
from holdfast.catalog.transaction import Tx
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import HoldfastError, InvalidState, Unavailable
from holdfast.model.limits import MIB

_PASSES_MAX = 10
_LITTLE_BYTES = 256 * MIB
"""When a pass over the source has found no more than this to copy, the rest is left for when it is frozen."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever moves the store wants beyond what always happens."""

    check_frames: bool = False
    """Decrypt and hash every frame at the target too, while the source takes no changes."""
    keep_source_writable: bool = False
    """The source takes changes again afterwards: there are two stores then, which grow apart."""
    stay_frozen: bool = False
    """Where the move fails, the source goes on taking no changes."""
    threads: int = THREADS_DEFAULT


def migrate(
    source_options: StoreOptions,
    target_options: StoreOptions,
    wishes: Wishes | None = None,
    *,
    progress: Progress = lambda _what, _done, _total: None,
    clock: Clock | None = None,
) -> MoveReport:
    """Moves the store, or goes on with a move that was begun.

    Raises InvalidInput and InvalidState where this store cannot go to that place, UnusableKey, Unavailable where one of
    them cannot be reached, Damaged where what came is not what was sent: then the source takes changes again.
    """
    began = time.monotonic()
    with ExitStack() as held:
        keys = read_keys(source_options)
        source = open_source(source_options, held)
        target = open_target(target_options, source_options, held)
        move = _Move(source, target, keys, wishes or Wishes(), progress, clock or SystemClock())
        report = move.run()
    report.seconds = time.monotonic() - began
    return report


def abort(source_options: StoreOptions) -> str | None:
    """The source takes changes again, if an unfinished move kept it from it: where to it was moving, or None.

    Raises InvalidState for a store that has been moved. What was copied stays where it is, and cannot be opened.
    """
    with ExitStack() as held:
        source = open_source(source_options, held)
        mark = marks.read(source.freezes())
        if isinstance(mark, WasMoved):
            raise InvalidState(
                f"the move is through, the store is at {mark.place}: if this one is to take changes again beside it,"
                " say --keep-source-writable and no --to"
            )
        if isinstance(mark, UnfinishedCopy):
            raise InvalidState(f"--from must be the store that was moving, and not where to: {mark.text}")
        if mark is not None:
            done(source.catalog, partial(freezes.release, reason=mark.text))
        return None if mark is None else mark.place


def keep_writable(source_options: StoreOptions) -> str | None:
    """The source of a finished move takes changes again, beside the store that came of it; where that is, or None."""
    with ExitStack() as held:
        source = open_source(source_options, held)
        mark = marks.read(source.freezes())
        if not isinstance(mark, WasMoved):
            return None
        done(source.catalog, partial(freezes.release, reason=mark.text))
        return mark.place


@dataclass(slots=True)
class _Move:
    source: End
    target: End
    keys: StoreKeys
    wishes: Wishes
    progress: Progress
    clock: Clock
    report: MoveReport = field(default_factory=MoveReport)

    def run(self) -> MoveReport:
        self.report.source, self.report.target = self.source.where, self.target.where
        seen(self.source.catalog, self._require_own_keys)
        root_id = self.keys.provider.root_id.hex()
        source_mark, target_mark = marks.read(self.source.freezes()), marks.read(self.target.freezes())
        untouched = seen(self.target.catalog, transfer.is_untouched)
        step = marks.next_step(Standing(source_mark, target_mark, untouched, self.target.where, root_id))
        copy = target_mark if isinstance(target_mark, UnfinishedCopy) else None
        if step is Step.BEGIN:
            copy = UnfinishedCopy(self.source.where, secrets.token_hex(8), root_id)
            require_no_blobs(self.target.blobs, self.target.where)
        require_same_keys(self.target, self.keys)
        # Before the mark: whoever opens the target too early finds these keys, or the mark, and makes no others.
        give_keys(self.target, self.keys)
        if step is Step.BEGIN:
            assert copy is not None
            self._begin(copy)
        if step in (Step.BEGIN, Step.GO_ON):
            assert copy is not None
            earlier = source_mark if isinstance(source_mark, BeingMoved) else None
            self._move(copy, earlier or BeingMoved(self.target.where, copy.move))
        else:
            self.report.was_finished = True
        self._finish(copy)
        return self.report

    def _move(self, copy: UnfinishedCopy, frozen: BeingMoved) -> None:
        self.report.move = copy.move
        journal = Journal(self.target.options.directory, copy.move)
        try:
            blobs = BlobCopy(self.source, self.target, journal, self.report, self.progress, self.wishes.threads)
            self._copy_what_is_there(blobs)
            with self._frozen(frozen):
                self._copy_the_rest(blobs, frozen)
                self._say_moved(frozen)
        finally:
            journal.close()

    def _copy_what_is_there(self, blobs: BlobCopy) -> None:
        """While the source goes on: as often as it takes until little is left, and then read back."""
        look = blobs.copy(frozen=False)
        for _ in range(_PASSES_MAX):
            if look.copied_bytes <= _LITTLE_BYTES:
                break
            look = blobs.copy(frozen=False)
        blobs.verify(look.wanted)

    def _copy_the_rest(self, blobs: BlobCopy, frozen: BeingMoved) -> None:
        """All else, from a source that takes no changes; then the proof that all of it came."""
        wanted = blobs.copy(frozen=True).wanted
        blobs.verify(wanted)
        blobs.remove_others(wanted)
        packs = [one for one in wanted if one.pack_no is not None]
        self.report.packs, self.report.parities = len(packs), len(wanted) - len(packs)
        self.report.pack_bytes = sum(one.length for one in packs)
        source, target = self.source.catalog, self.target.catalog
        look = partial(_require, frozen.text)
        self.report.tables = copy_rows(source, target, look, self.progress)
        self.report.rows = sum(table.rows for table in self.report.tables.values())
        compare_rows(source, target, self.report.tables, look, self.progress)
        proof = Proof(self.source, self.target, self.keys, self.report, self.progress, self.wishes.threads)
        proof.open_keys()
        proof.open_manifests()
        if self.wishes.check_frames:
            proof.check_frames()
        settle(self.source, self.target, self.keys, {one.pack_no: blobs.length_of(one) for one in packs})

    @contextmanager
    def _frozen(self, mark: BeingMoved) -> Iterator[None]:
        """The source takes no changes within this block, and does again after it if it fails."""
        began = time.monotonic()
        self._freeze(mark)
        try:
            yield
        except BaseException as failed:
            if not self.wishes.stay_frozen:
                self._thaw(mark, failed)
            raise
        finally:
            self.report.frozen_seconds = time.monotonic() - began

    def _thaw(self, mark: BeingMoved, failed: BaseException) -> None:
        try:
            # No effect where the mark is gone already, be it that the store was moved.
            done(self.source.catalog, partial(freezes.release, reason=mark.text))
        except HoldfastError as refused:
            why = failed.message if isinstance(failed, HoldfastError) else type(failed).__name__
            raise Unavailable(
                f"{why}; and the source could not be told that it may take changes again ({refused.message}): run"
                " 'holdfast migrate --abort', or the command again"
            ) from failed

    def _say_moved(self, mark: BeingMoved) -> None:
        """From here on the source is the old store. One transaction: it is never without a mark."""
        moved = WasMoved(mark.place, mark.move)
        now_us = self.clock.now_us()

        def step(tx: Tx) -> None:
            _require(mark.text, tx)
            self._require_own_keys(tx)
            freezes.place(tx, moved.text, now_us)
            freezes.release(tx, mark.text)

        done(self.source.catalog, step)

    def _finish(self, copy: UnfinishedCopy | None) -> None:
        """The target may be opened."""
        if copy is not None:
            done(self.target.catalog, partial(freezes.release, reason=copy.text))
        forget(self.target.options.directory)
        if self.wishes.keep_source_writable:
            mark = marks.read(self.source.freezes())
            if isinstance(mark, WasMoved):
                done(self.source.catalog, partial(freezes.release, reason=mark.text))
        self.report.source_takes_changes = not self.source.freezes()

    def _require_own_keys(self, tx: Tx) -> None:
        require_own_keys(tx, self.source, self.keys)

    def _begin(self, mark: UnfinishedCopy) -> None:
        now_us = self.clock.now_us()

        def step(tx: Tx) -> None:
            if freezes.standing(tx) or not transfer.is_untouched(tx):
                raise InvalidState(f"somebody else has begun to use {self.target.where}: choose another place")
            freezes.place(tx, mark.text, now_us)

        done(self.target.catalog, step)

    def _freeze(self, mark: BeingMoved) -> None:
        now_us = self.clock.now_us()

        def step(tx: Tx) -> None:
            marks.require_no_other(freezes.standing(tx), mark.move)
            freezes.place(tx, mark.text, now_us)

        done(self.source.catalog, step)


def _require(reason: str, tx: Tx) -> None:
    if reason not in freezes.standing(tx):
        raise InvalidState(
            "somebody has lifted the freeze of the source while it was being copied ('holdfast migrate --abort'): run"
            " the command again to begin this part anew"
        )

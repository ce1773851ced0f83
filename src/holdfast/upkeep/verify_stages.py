"""The stages of a verification that read: everything pack by pack, or what one scope needs.

Each function does one small piece from a cursor on and gives the cursor behind it. A piece reads a few MiB and holds no
snapshot of the catalog while it does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdfast.catalog import frames, pack_checks, scope
from holdfast.catalog.frames import StoredFrame
from holdfast.catalog.scope import Scope
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.upkeep.checking import Checked, Checker
from holdfast.upkeep.number_set import NumberSet
from holdfast.upkeep.pack_walk import STEP_BYTES_MAX, PackWalk
from holdfast.upkeep.verify_cursor import DAMAGES, MANIFESTS, OBJECTS, Cursor

_CHUNKS_PER_PIECE = 500
_OBJECTS_PER_LOOK = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of work: where to go on, and what was found."""

    cursor: Cursor
    checked: Checked = field(default_factory=Checked)


def read_packs(checker: Checker, cursor: Cursor, now_us: int) -> Piece:
    """All frames that there are, in the order of packs. A pack that was read as a whole gets the date."""
    pack_no, offset, chunk_no, _ = cursor.place
    with checker.catalog.snapshot() as tx:
        pack = pack_checks.following(tx, pack_no, cursor.last_pack_no)
    if pack is None:
        return Piece(cursor.at(DAMAGES))
    fresh = pack.pack_no != pack_no or not cursor.begun_us
    walk = PackWalk(pack, now_us if fresh else cursor.begun_us, (0, 0) if fresh else (offset, chunk_no))
    checked = walk.step(checker)
    if not walk.done:
        return Piece(cursor.moved(pack.pack_no, *walk.after, begun_us=walk.begun_us), checked)
    # One without a length may still grow.
    if pack.size is not None:

        def note(tx: Tx, _: object) -> None:
            pack_checks.set_verified(tx, pack, walk.begun_us)

        checker.commits.submit((), note, purpose=Purpose.FREE)
    return Piece(cursor.moved(pack.pack_no + 1), checked)


def read_manifests(checker: Checker, cursor: Cursor, chosen: Scope, seen: NumberSet) -> Piece:
    """The manifests of the kept recovery points of a scope."""
    seq, part, *_ = cursor.place
    with checker.catalog.snapshot() as tx:
        page = scope.manifest_page(tx, chosen, (seq, part) if seq else (0, -1), _CHUNKS_PER_PIECE)
        found = _unseen(tx, [chunk_no for _, _, chunk_no in page], seen)
    checked = _check_all(checker, found)
    if not page:
        return Piece(cursor.at(OBJECTS, chosen.series_no), checked)
    return Piece(cursor.moved(*page[-1][:2]), checked)


def read_objects(
    checker: Checker, cursor: Cursor, chosen: Scope, seen: NumberSet, after: Callable[[], Cursor]
) -> Piece:
    """The chunks of the objects that the scope sees; `after` tells the cursor behind this series."""
    from_seq, object_no, index, inside = cursor.place
    with checker.catalog.snapshot() as tx:
        if inside:
            pairs = scope.chunks_of_object(tx, object_no, index, _CHUNKS_PER_PIECE)
            found = _unseen(tx, [chunk_no for _, chunk_no in pairs], seen)
            following = (from_seq, object_no, pairs[-1][0], 1) if pairs else (from_seq, object_no, 0, 0)
        else:
            page = scope.objects_from(tx, chosen, from_seq, object_no, _OBJECTS_PER_LOOK)
            if not page:
                higher = scope.next_from_seq(tx, chosen, from_seq)
                return Piece(after() if higher is None else cursor.moved(higher))
            whole = _few_enough(page)
            numbers = [one.metadata_chunk_no for one in whole if one.seen and one.metadata_chunk_no is not None]
            last = whole[-1]
            if last.chunk_count > _CHUNKS_PER_PIECE and last.seen:
                following = (from_seq, last.object_no, -1, 1)
                whole = whole[:-1]
            else:
                following = (from_seq, last.object_no, 0, 0)
            numbers += scope.chunks_of_objects(tx, [one.object_no for one in whole if one.seen])
            found = _unseen(tx, numbers, seen)
    return Piece(cursor.moved(*following), _check_all(checker, found))


def first_stage(cursor: Cursor, scopes: Sequence[Scope]) -> Cursor:
    """Where a verification of these scopes begins: at its manifests."""
    return cursor.at(MANIFESTS, scopes[0].series_no) if scopes else cursor.at(DAMAGES)


def _few_enough(page: Sequence[scope.ScopedObject]) -> list[scope.ScopedObject]:
    """As many of the page as have few enough chunks together; at least one. Only the last may have too many."""
    chosen: list[scope.ScopedObject] = []
    chunks = 0
    for one in page:
        chunks += one.chunk_count if one.seen else 0
        if chosen and chunks > _CHUNKS_PER_PIECE:
            break
        chosen.append(one)
    return chosen


def _unseen(tx: Tx, chunk_nos: Sequence[int], seen: NumberSet) -> list[StoredFrame]:
    return frames.of_numbers(tx, [number for number in sorted(set(chunk_nos)) if seen.add(number)])


def _check_all(checker: Checker, found: Sequence[StoredFrame]) -> Checked:
    """Checks them in the order in which they lie on the disk, a few MiB at a time."""
    total, batch, size = Checked(), list[StoredFrame](), 0
    for frame in sorted(found, key=lambda each: each.place):
        if batch and size + frame.frame_bytes > STEP_BYTES_MAX:
            total += checker.check(batch)
            batch, size = [], 0
        batch.append(frame)
        size += frame.frame_bytes
    return total + checker.check(batch) if batch else total

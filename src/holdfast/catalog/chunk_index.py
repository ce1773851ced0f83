"""Rows of chunks: which chunk of a vault stands where, and which objects use it."""

from collections.abc import Sequence

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.objects import View
from holdfast.catalog.transaction import Row, Tx
from holdfast.model.errors import Transient

_SQL = sql.load("chunk_index")

_NO_CHUNK = 0
_REFERENCES_LOOKED_AT_MAX = 256

_COLUMNS = (
    "chunk_no",
    "vault_no",
    "chunk_id",
    "sealed_digest",
    "raw_bytes",
    "pack_no",
    "frame_offset",
    "frame_bytes",
)


class KnownChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk that the vault holds. A `bad` one failed its check and must be written anew."""

    chunk_no: int
    raw_bytes: int
    bad: int


class NewChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk whose frame is durable in a pack."""

    chunk_id: bytes
    sealed_digest: bytes
    raw_bytes: int
    pack: bytes
    frame_offset: int
    frame_bytes: int


class ChunkRow(msgspec.Struct, frozen=True, gc=False):
    """A chunk of an object, with all that is needed to read it. `index` is the chunk's index in the object."""

    index: int
    chunk_no: int
    chunk_id: bytes
    sealed_digest: bytes
    raw_bytes: int
    pack: bytes
    pack_no: int
    frame_offset: int
    frame_bytes: int


def find(tx: Tx, vault_no: int, chunk_ids: Sequence[bytes]) -> dict[bytes, KnownChunk]:
    """Those of the chunks that the vault has, by id."""
    rows = tx.all_of(_SQL["find"], chunk_ids, {"vault_no": vault_no})
    return {row[0]: KnownChunk(*row[1:]) for row in rows}


def find_sound(tx: Tx, vault_no: int, chunk_ids: Sequence[bytes]) -> list[ChunkRow]:
    """Those of the chunks that the vault has and does not know to be bad, each with its place (and index 0)."""
    return [ChunkRow(*row) for row in tx.all_of(_SQL["find_sound"], chunk_ids, {"vault_no": vault_no})]


def record(tx: Tx, vault_no: int, chunks: Sequence[NewChunk]) -> list[int]:
    """The numbers of the chunks: each is new, or was known already, or was bad and is healed by this frame.

    No two of `chunks` may have the same id.
    """
    pack_nos = {pack: _pack_no(tx, pack) for pack in {chunk.pack for chunk in chunks}}
    known = find(tx, vault_no, [chunk.chunk_id for chunk in chunks])
    if any(held.bad for held in known.values()):
        # Of two that heal the same chunk beside each other, both would count its old frame as dead.
        tx.alone()
    free = iter(tx.numbers("chunks", len(chunks) - len(known)))
    numbers: list[int] = []
    fresh: list[Row] = []
    for chunk in chunks:
        held = known.get(chunk.chunk_id)
        if held is None:
            numbers.append(next(free))
            fresh.append(_new_row(numbers[-1], vault_no, pack_nos[chunk.pack], chunk))
            continue
        numbers.append(held.chunk_no)
        if held.bad:
            tx.run(_SQL["bury_frame"], {"chunk_no": held.chunk_no})
            tx.run(
                _SQL["heal"],
                {
                    "chunk_no": held.chunk_no,
                    "pack_no": pack_nos[chunk.pack],
                    "frame_offset": chunk.frame_offset,
                    "frame_bytes": chunk.frame_bytes,
                },
            )
    tx.insert("chunks", _COLUMNS, fresh)
    return numbers


def mark_bad(tx: Tx, chunk: ChunkRow) -> None:
    """Declares the frame at that very place bad; a chunk that was healed in the meantime stays good."""
    tx.run(
        _SQL["mark_bad"],
        {"chunk_no": chunk.chunk_no, "pack_no": chunk.pack_no, "frame_offset": chunk.frame_offset},
    )


def find_again(tx: Tx, chunk: ChunkRow) -> ChunkRow | None:
    """The chunk where it stands now, which may be elsewhere than it stood; None if it is gone."""
    row = tx.one(_SQL["find_place"], {"chunk_no": chunk.chunk_no})
    if row is None:
        return None
    pack, pack_no, frame_offset, frame_bytes = row
    return msgspec.structs.replace(
        chunk, pack=pack, pack_no=pack_no, frame_offset=frame_offset, frame_bytes=frame_bytes
    )


def refer(tx: Tx, series_no: int, references: Sequence[tuple[int, int, int]]) -> None:
    """References (object number, chunk index, chunk number) of one series; each index of an object must be free."""
    rows = [(*reference, series_no) for reference in references]
    tx.insert("object_chunks", ("object_no", "chunk_index", "chunk_no", "series_no"), rows)


def find_reference(tx: Tx, object_no: int, index: int) -> tuple[bytes, bytes, int] | None:
    """Chunk id, sealed digest and length in bytes of what the object has at `index`, or None."""
    row = tx.one(_SQL["find_reference"], {"object_no": object_no, "chunk_index": index})
    return (row[0], row[1], row[2]) if row else None


def page(tx: Tx, object_no: int, after: int, limit: int) -> list[ChunkRow]:
    """Up to `limit` chunks of the object with indexes greater than `after` (-1: from the start), ascending."""
    return [ChunkRow(*row) for row in tx.all(_SQL["page"], {"object_no": object_no, "after": after, "limit": limit})]


def of_objects(tx: Tx, object_nos: Sequence[int]) -> dict[int, list[ChunkRow]]:
    """All chunks of these objects, by object number, each list in ascending index. The caller bounds their number."""
    found: dict[int, list[ChunkRow]] = {}
    for row in tx.all_of(_SQL["of_objects"], sorted(set(object_nos))):
        found.setdefault(row[0], []).append(ChunkRow(*row[1:]))
    return found


class AddedChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk of an object that a job added, as its manifest names it."""

    object_no: int
    index: int
    raw_bytes: int
    chunk_id: bytes
    sealed_digest: bytes


def of_added(tx: Tx, view: View, after: int, last: int, count_max: int) -> list[AddedChunk]:
    """The chunks of the objects that a job added with numbers from beyond `after` to `last`.

    Leaves out objects of more than `count_max` chunks. Ordered by object number and index.
    """
    rows = tx.all(
        _SQL["of_added"],
        {
            "series_no": view.series_no,
            "own": view.own,
            "after": after,
            "last": last,
            "count_max": count_max,
        },
    )
    return [AddedChunk(*row) for row in rows]


def find_by_number(tx: Tx, vault_no: int, chunk_no: int) -> ChunkRow | None:
    """The chunk of that number in the vault (with index 0), or None."""
    row = tx.one(_SQL["find_by_number"], {"chunk_no": chunk_no, "vault_no": vault_no})
    return ChunkRow(*row) if row else None


def find_possessed(tx: Tx, vault_no: int, view: View, chunk_id: bytes) -> tuple[int, int] | None:
    """Number and length of a good chunk that is in the job's base or was sent in the job, else None.

    Also None where the newest references of the series to the chunk are all of objects that the job does not see. A
    chunk that the vault does not hold is looked for among the references like one that it holds: what other sources of
    the vault have must not show in the time that it takes.
    """
    known = find(tx, vault_no, [chunk_id]).get(chunk_id)
    chunk_no = _NO_CHUNK if known is None or known.bad else known.chunk_no
    sought = {
        "chunk_no": chunk_no,
        "series_no": view.series_no,
        "seq": view.seq,
        "job_no": view.job_no,
        "looks": _REFERENCES_LOOKED_AT_MAX,
    }
    possessor = tx.one(_SQL["find_possessor"], sought)
    return None if known is None or possessor is None else (known.chunk_no, known.raw_bytes)


def _new_row(chunk_no: int, vault_no: int, pack_no: int, chunk: NewChunk) -> Row:
    place = (pack_no, chunk.frame_offset, chunk.frame_bytes)
    return (chunk_no, vault_no, chunk.chunk_id, chunk.sealed_digest, chunk.raw_bytes, *place)


def _pack_no(tx: Tx, uid: bytes) -> int:
    row = tx.one(_SQL["find_pack"], {"uid": uid})
    if row is None:
        # This process was thought dead, and others have measured or removed what it had begun.
        raise Transient(f"the pack {uid.hex()} takes no more frames: they are to be written again, into another one")
    return int(row[0])

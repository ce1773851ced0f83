"""How every read begins: the StorageJobId becomes a view of one series and the keys of its vault, in one snapshot."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from holdfast.catalog import chunk_index, leases, objects
from holdfast.catalog.chunk_index import ChunkRow
from holdfast.catalog.objects import ObjectRow, View
from holdfast.catalog.transaction import Tx
from holdfast.dataplane.places import place_of
from holdfast.dataplane.store import Store
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, NotFound, Transient, Unavailable
from holdfast.model.purpose import Purpose

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """An open read: the transaction, what it sees, and the keys to open it with."""

    tx: Tx
    view: View
    vault_no: int
    keys: VaultKeys

    def object(self, object_no: int) -> ObjectRow:
        """The object behind a token. Raises NotFound if the view no longer holds it."""
        return self.objects([object_no])[0]

    def objects(self, object_nos: Sequence[int]) -> list[ObjectRow]:
        """The objects behind tokens, in their order. Raises NotFound if the view no longer holds one of them."""
        found = objects.find_by_number(self.tx, self.view, sorted(set(object_nos)))
        if any(object_no not in found for object_no in object_nos):
            raise NotFound("the object behind this ObjectToken was replaced or deleted: list the objects again")
        return [found[object_no] for object_no in object_nos]


@contextmanager
def reading(store: Store, job_id: str) -> Iterator[Reading]:
    """One consistent view of the job. Raises NotFound for a job that cannot be read (any more).

    A reader renews its job's lease when that is due, after it has read.
    """
    now_us = store.clock.now_us()
    with store.catalog.snapshot() as tx:
        readable = leases.require_readable(tx, job_id, now_us)
        yield Reading(tx, readable.view, readable.vault_no, store.keys.open(readable.vault_uid))
    if readable.touch_due:
        # What was read is good, whether or not it can be noted; the next read tries again.
        with suppress(Unavailable):
            store.commits.submit((), lambda tx, _: leases.renew(tx, job_id, now_us), purpose=Purpose.READ)


def read_chunk(store: Store, keys: VaultKeys, chunk: ChunkRow) -> bytes:
    """The chunk's bytes, verified. Raises Damaged, never wrong bytes, and then marks the frame for healing.

    Where the chunk stands was looked up some time ago. Compaction or healing may have moved it since and removed the
    pack, so that damage counts only where the catalog still says that the chunk is. NotFound if it was collected.
    """
    for _ in range(_ATTEMPTS):
        try:
            return store.chunks.read(keys, chunk.chunk_id, place_of(chunk), chunk.raw_bytes)
        except Damaged:
            now = _find_again(store, chunk)
            if (now.pack_no, now.frame_offset) == (chunk.pack_no, chunk.frame_offset):
                # From now on the chunk is a duplicate of nothing: the next upload of the same bytes writes it anew and
                # heals every object that uses it.
                with suppress(Unavailable):
                    store.commits.submit((), partial(_mark_bad, chunk=chunk), purpose=Purpose.FREE)
                raise
            chunk = now
    raise Transient("a chunk was moved again and again while it was being read; send the request again")


def _find_again(store: Store, chunk: ChunkRow) -> ChunkRow:
    with store.catalog.snapshot() as tx:
        now = chunk_index.find_again(tx, chunk)
    if now is None:
        raise NotFound("the chunk was deleted while it was being read: list the objects again")
    return now


def _mark_bad(tx: Tx, _: object, chunk: ChunkRow) -> None:
    chunk_index.mark_bad(tx, chunk)

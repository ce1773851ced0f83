"""A mark in the bucket of how many packs were ever announced, by which a catalog is found out that was put back.

In a directory all packs are listed when a store is opened, and one that the catalog does not know says that the catalog
is older. A bucket may hold millions, so it keeps one small number instead. What is always true here: the mark is
written after the catalog's own count, so it is never ahead of a catalog that is all there; of nodes that write it at
the same time the last one wins, and a mark that is behind only finds less.
"""

from collections.abc import Sequence
from typing import Protocol

from holdfast.catalog import identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.writer import Writer
from holdfast.model.errors import Damaged, NotFound, Unavailable

MARK_NAME = "marks/packs"


class MarkPlace(Protocol):
    """The bucket (blobs.s3.S3Blobs)."""

    def put_new(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...


class MarkedWriter:
    """Announces packs as the writer does, and moves the mark along."""

    def __init__(self, writer: Writer, place: MarkPlace) -> None:
        self._writer = writer
        self._place = place

    def announce(self, vault_uid: bytes, pack_uids: Sequence[bytes]) -> None:
        """These packs are about to be begun, or not; durable on return."""
        count = self._writer.announce(vault_uid, pack_uids)
        self._place.put_new(MARK_NAME, b"%d\n" % count)


def read_mark(place: MarkPlace) -> int:
    """How many packs the bucket has heard of; 0 for a new one. Raises Damaged."""
    try:
        text = place.get(MARK_NAME)
    except NotFound:
        return 0
    if not text.strip().isdigit():
        raise Damaged(f"the blob {MARK_NAME} holds {text[:40]!r} and no number: remove it, and open the store again")
    return int(text)


def require_as_new_as_packs(catalog: Catalog, place: MarkPlace, where: object) -> None:
    """Raises Unavailable if the bucket has heard of packs that the catalog has never announced."""
    marked = read_mark(place)
    with catalog.snapshot() as tx:
        announced = identity.announced(tx)
    if announced < marked:
        raise Unavailable(
            f"the catalog {where} is older than the packs: it has announced {announced}, and {marked} were; make the"
            " catalog anew from the packs with 'holdfast rebuild', or put the newest catalog back"
        )

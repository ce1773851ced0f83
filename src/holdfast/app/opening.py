"""What is looked at before a store is used: whether catalog and packs belong together.

A catalog that is older than the packs (put back from a copy, cut off by damage to its log) would show old recovery
points as if nothing were missing, and its collector would take newer packs for rubbish. So it is not opened at all. It
costs one listing and one look by index for each pack.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from holdfast.blobs.port import BlobStore
from holdfast.catalog import manifests, pack_files
from holdfast.catalog.port import Catalog
from holdfast.chunks.packs import pack_name
from holdfast.model.errors import Unavailable
from holdfast.model.purpose import Purpose
from holdfast.records.engines import Commits

_PACK = re.compile(r"packs/([0-9a-f]{32})/([0-9a-f]{32})")
_AT_ONCE = 4096

REMEDY = "make the catalog anew from the packs with 'holdfast rebuild', or put the newest catalog back"


def packs_on_disk(blobs: BlobStore) -> Iterator[tuple[bytes, bytes]]:
    """Vault uid and pack uid of every pack file, by name."""
    for name in blobs.list("packs/"):
        found = _PACK.fullmatch(name)
        if found is not None:
            yield bytes.fromhex(found[1]), bytes.fromhex(found[2])


def require_catalog(path: Path, blobs: BlobStore) -> None:
    """Raises Unavailable where packs are and no catalog: a new, empty one would hide them."""
    first = None if path.exists() else next(packs_on_disk(blobs), None)
    if first is not None:
        raise Unavailable(f"there is no catalog {path}, and there are packs ({pack_name(*first)}): {REMEDY}")


def unknown_pack(catalog: Catalog, blobs: BlobStore) -> str | None:
    """The name of a pack that the catalog does not know, or None where it knows them all."""
    on_disk = packs_on_disk(blobs)
    while batch := {pack: vault for vault, pack in islice(on_disk, _AT_ONCE)}:
        with catalog.snapshot() as tx:
            unknown = pack_files.unknown(tx, list(batch))
        if unknown:
            return pack_name(batch[unknown[0]], unknown[0])
    return None


def require_known_packs(catalog: Catalog, blobs: BlobStore, where: object) -> None:
    """Raises Unavailable if a pack lies there that the catalog does not know."""
    name = unknown_pack(catalog, blobs)
    if name is not None:
        raise Unavailable(f"the catalog {where} is older than the packs, it does not know {name}: {REMEDY}")


def clear_stale_drafts(catalog: Catalog, commits: Commits) -> None:
    """Gives up the manifests that an earlier process was writing anew when it ended."""
    with catalog.snapshot() as tx:
        if not manifests.has_stale_drafts(tx):
            return
    commits.submit((), lambda tx, _: manifests.drop_stale_drafts(tx), purpose=Purpose.FREE)

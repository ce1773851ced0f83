"""Wires the stages of collecting garbage: all of them write through one chore, which one process has at a time."""

from dataclasses import dataclass

from holdfast.blobs.port import BlobStore
from holdfast.catalog.port import Catalog
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.writer import Writer
from holdfast.chunks.store import ChunkStore
from holdfast.keys.ring import KeyRing
from holdfast.model.clock import Clock
from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import Logger
from holdfast.upkeep.collection import Collection
from holdfast.upkeep.collector import Collector
from holdfast.upkeep.compactor import BYTES_PER_STEP, Compactor
from holdfast.upkeep.doom import Doom
from holdfast.upkeep.fenced import FencedWrites
from holdfast.upkeep.free_pages import FreePages
from holdfast.upkeep.survey import OpenPacks, Survey
from holdfast.upkeep.sweeping import Sweeping
from holdfast.upkeep.worker import Worker, Writes


@dataclass(frozen=True, slots=True)
class Parts:
    """What collecting works on."""

    catalog: Catalog
    commits: Writes
    blobs: BlobStore
    chunks: ChunkStore
    keys: KeyRing
    packs: OpenPacks
    writer: Writer
    clock: Clock
    compaction_bytes: int = BYTES_PER_STEP
    """How much compaction copies at a time."""


def collection(parts: Parts, writes: FencedWrites, recording: Worker, log: Logger) -> Collection:
    """The stages of one open store, which all write through `writes`.

    `recording` drops the records of vaults that hold nothing more.
    """

    def unusable(error: HoldfastError) -> None:
        log.warning("a vault is not compacted", part="upkeep", reason=error.message)

    catalog, blobs = parts.catalog, parts.blobs
    survey = Survey(catalog, writes, blobs, parts.packs, parts.writer)
    return Collection(
        doom=Doom(catalog, writes, blobs),
        survey=survey,
        collector=Collector(catalog, writes, survey.suspect),
        sweeping=Sweeping(catalog, writes),
        recording=recording,
        compactor=Compactor(catalog, writes, parts.chunks, parts.keys, unusable, batch_bytes=parts.compaction_bytes),
        free_pages=FreePages(catalog, writes, catalog) if isinstance(catalog, SqliteCatalog) else None,
        writes=writes,
    )

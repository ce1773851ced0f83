"""Stores with something to collect or to compact, and another process that is at it."""

import os
import random
from dataclasses import dataclass

from holdfast.catalog import writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.writer import Writer
from holdfast.model.purpose import Purpose
from holdfast.upkeep.fenced import COLLECTOR, FencedWrites
from tests.concurrency.stage import Care, Stage

BIG = bytes(range(256)) * 40

KEPT = random.Random(1).randbytes(3000)
DEAD = random.Random(2).randbytes(30_000)


@dataclass(frozen=True)
class _Numbered:
    number: int


def lost(stage: Stage, data: bytes = BIG) -> str:
    """A recovery point with one object of `data`, deleted: the collector may take its chunk."""
    job = stage.start("elsewhere")
    stage.put(job, "x", data)
    point = stage.commit(job)
    # What is written from now on, the record of the deletion first, must not keep the pack.
    stage.close_packs()
    stage.delete_point(point)
    return point


def wasteful(stage: Stage) -> str:
    """A kept point of one small object `x` in a pack that is mostly dead, and measured; a restore job of the point."""
    other = stage.start("elsewhere")
    # In one request, so that both are in one pack also where each group has a pack of its own.
    stage.put_together(other, {"x": KEPT, "y": DEAD})
    gone = stage.commit(other)
    keeping = stage.start()
    stage.put(keeping, "x", KEPT)
    kept = stage.commit(keeping)
    stage.close_packs()
    stage.delete_point(gone)
    stage.clean()
    return stage.restore(kept)


def leave_a_pack(stage: Stage) -> None:
    """Another process has begun a pack and ended: somebody must measure it."""
    catalog = stage.place.catalog()
    another = Writer(catalog, 0, joins=True)
    with catalog.snapshot() as tx:
        [(vault,)] = tx.all("SELECT uid FROM vaults")
    another.register(vault, os.urandom(16))
    another.leave()
    catalog.close()


def end_writer(catalog: Catalog, number: int) -> None:
    """Somebody takes that process for dead."""
    [outcome] = catalog.run([lambda tx: writers.end(tx, number)], Purpose.FREE)
    assert outcome.error is None


def replace_writer(care: Care) -> FencedWrites:
    """The writes of another process: another number, which is alive."""
    number = care.stage.commits.submit((), lambda tx, _: writers.join(tx, 0))
    return FencedWrites(care.stage.commits, care.stage.clock, COLLECTOR, _Numbered(number))

"""Stores with something to collect or to compact, and another process that is at it."""

import random
from dataclasses import dataclass

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
    keeping = stage.start()
    stage.put(keeping, "x", KEPT)
    kept = stage.commit(keeping)
    other = stage.start("elsewhere")
    stage.put(other, "y", DEAD)
    gone = stage.commit(other)
    stage.close_packs()
    stage.delete_point(gone)
    stage.clean()
    return stage.restore(kept)


def replace_writer(care: Care, number: int) -> FencedWrites:
    """The writes of another process: another number, which is alive."""
    care.stage.commits.submit(
        (), lambda tx, _: tx.run("INSERT INTO writers (writer_no, started_us) VALUES (:no, 0)", {"no": number})
    )
    return FencedWrites(care.stage.commits, care.stage.clock, COLLECTOR, _Numbered(number))

"""Fills a catalog to the size of a plan: rows such as real backups leave, around the real part that lies in it.

What must hold afterwards, as if the service had written everything: each name has one row in each view, each reference
names a chunk that there is, each chunk stands in a pack of its vault, packs are measured and none of their bytes is
dead, the recovery points know how many objects they show. The packs of chunks that are made up are rows without a file,
noted as verified now, so that no scrub looks for them while the measuring goes on.
"""

import os
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count, repeat

from bench.scaling.loader import Loader
from bench.scaling.plan import NEVER, Plan
from bench.scaling.real_part import RealPart, metadata_string
from holdfast.catalog.transaction import Row
from holdfast.keys.vault_keys import VaultKeys

_PACK_BYTES, _PACK_HEADER_BYTES = 64 << 20, 48
_FRAMES_PER_PACK = 8192
_RAW_BYTES = 16_000
_DIGEST_BYTES = 32
_DIGESTS_AT_ONCE = 4096

OBJECT_COLUMNS = (
    "object_no", "series_no", "job_no", "name", "state", "from_seq", "to_seq", "throw_on_duplicate", "completed_us",
    "chunk_count", "bytes", "sealed_checksum", "metadata_string", "metadata_chunk_no", "metadata_bytes",
)  # fmt: skip
REFERENCE_COLUMNS = ("object_no", "chunk_index", "chunk_no", "series_no")
CHUNK_COLUMNS = (
    "chunk_no", "vault_no", "chunk_id", "sealed_digest", "raw_bytes", "pack_no", "frame_offset", "frame_bytes", "bad",
)  # fmt: skip
Say = Callable[[str], None]

PACK_COLUMNS = ("pack_no", "uid", "vault_no", "bytes", "dead_bytes", "verified_us")


@dataclass(frozen=True, slots=True)
class Filled:
    """What a filling came to: rows, and seconds by stage."""

    objects: int
    chunks: int
    seconds: dict[str, float]


@dataclass(slots=True)
class _View:
    """How a point's view differs from the one before."""

    objects: int = 0
    total_bytes: int = 0


@dataclass(slots=True)
class _Layout:
    """Who has how many chunks: written down when objects are made, read for references and chunks."""

    counts: array = field(default_factory=lambda: array("I"))  # type: ignore[type-arg]
    real: dict[int, tuple[object, ...]] = field(default_factory=dict)
    """Of real objects, by their ordinal: the chunk's columns from chunk_id on."""


def fill(loader: Loader, plan: Plan, part: RealPart, keys: VaultKeys, say: Say) -> Filled:
    """Makes all rows. The loader must hold nothing but what `real_part.write` left."""
    stopwatch = _Stopwatch(say)
    layout = _Layout()
    views = [_View() for _ in range(plan.points + 1)]
    first_object, first_chunk = part.last_object_no + 1, part.last_chunk_no + 1
    loader.clear(sorted({real.chunk_no for real in part.objects.values()}))
    loader.load("objects", OBJECT_COLUMNS, _objects(plan, part, keys, layout, views))
    stopwatch.lap("objects")
    loader.load("object_chunks", REFERENCE_COLUMNS, _references(layout, part.series_no, first_object, first_chunk))
    stopwatch.lap("references")
    chunks = sum(layout.counts)
    [(last_pack,)] = loader.rows("SELECT max(pack_no) FROM packs")
    made_up = chunks - len(layout.real)
    loader.load("packs", PACK_COLUMNS, _packs(part, last_pack + 1, made_up))
    loader.load("chunks", CHUNK_COLUMNS, _chunks(part, layout, first_chunk, last_pack + 1, made_up))
    stopwatch.lap("chunks")
    _tell_points(loader, part, views)
    loader.finish(first_object + len(layout.counts), first_chunk + chunks)
    stopwatch.lap("indexes")
    return Filled(len(layout.counts), chunks, stopwatch.seconds)


class _Stopwatch:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = time.monotonic()
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = now - self._began
        self._began = now
        self._say(f"{stage}: {self.seconds[stage]:.1f} s")


def _objects(plan: Plan, part: RealPart, keys: VaultKeys, layout: _Layout, views: list[_View]) -> Iterator[Row]:
    digests = chain.from_iterable(_digests(_DIGESTS_AT_ONCE) for _ in count())
    object_no, chunk_no = part.last_object_no, part.last_chunk_no
    made_up = 0
    for seq in range(1, plan.points + 1):
        job_no, completed_us = part.jobs[seq], part.completed_us[seq]
        for version in plan.versions_of(seq):
            name, to_seq = plan.name(version.number), version.to_seq
            object_no += 1
            head = (object_no, part.series_no, job_no, name, "WHOLE", seq, to_seq, 0)
            if plan.is_real(version.number):
                real = part.objects[name, seq].numbered(keys, object_no, chunk_no + 1)
                held = 1
                done_us, total_bytes, attributes = real.rest
                assert isinstance(total_bytes, int)
                layout.real[len(layout.counts)] = real.chunk
                yield (*head, done_us, 1, total_bytes, real.sealed_checksum, attributes, None, None)
            else:
                held = plan.chunks_of(made_up)
                made_up += 1
                total_bytes = held * _RAW_BYTES
                attributes = metadata_string(version.number)
                yield (*head, completed_us, held, total_bytes, next(digests), attributes, None, None)
            layout.counts.append(held)
            chunk_no += held
            views[seq].objects += 1
            views[seq].total_bytes += total_bytes
            if to_seq != NEVER:
                views[to_seq].objects -= 1
                views[to_seq].total_bytes -= total_bytes


def _references(layout: _Layout, series_no: int, object_no: int, chunk_no: int) -> Iterator[Row]:
    for held in layout.counts:
        if held == 1:
            yield (object_no, 0, chunk_no, series_no)
        else:
            yield from zip(repeat(object_no), range(held), range(chunk_no, chunk_no + held), repeat(series_no))
        object_no += 1
        chunk_no += held


def _packs(part: RealPart, first: int, frames: int) -> Iterator[Row]:
    now_us = max(part.completed_us.values())
    for start in range(0, frames, _FRAMES_PER_PACK):
        held = min(frames - start, _FRAMES_PER_PACK)
        total_bytes = _PACK_HEADER_BYTES + held * _frame_bytes(held)
        yield (first + start // _FRAMES_PER_PACK, os.urandom(16), part.vault_no, total_bytes, 0, now_us)


def _chunks(part: RealPart, layout: _Layout, chunk_no: int, first_pack: int, frames: int) -> Iterator[Row]:
    made_up = ordinal = 0
    for place in (*sorted(layout.real), len(layout.counts)):
        run = sum(layout.counts[ordinal:place])
        yield from _made_up_chunks(part.vault_no, chunk_no, first_pack, range(made_up, made_up + run), frames)
        chunk_no, made_up, ordinal = chunk_no + run, made_up + run, place + 1
        if place in layout.real:
            yield (chunk_no, part.vault_no, *layout.real[place])
            chunk_no += 1


def _made_up_chunks(vault_no: int, chunk_no: int, first_pack: int, wanted: range, frames: int) -> Iterator[Row]:
    """Chunks in the order of their frames; `wanted` are their ordinals among all that are made up."""
    start = wanted.start
    while start < wanted.stop:
        pack, place = divmod(start, _FRAMES_PER_PACK)
        frame_bytes = _frame_bytes(min(frames - pack * _FRAMES_PER_PACK, _FRAMES_PER_PACK))
        count = min(wanted.stop - start, _FRAMES_PER_PACK - place)
        yield from zip(
            range(chunk_no, chunk_no + count),
            repeat(vault_no),
            _digests(count),
            _digests(count),
            repeat(_RAW_BYTES),
            repeat(first_pack + pack),
            range(_PACK_HEADER_BYTES + place * frame_bytes, _PACK_BYTES, frame_bytes),
            repeat(frame_bytes),
            repeat(0),
        )
        start, chunk_no = start + count, chunk_no + count


def _frame_bytes(held: int) -> int:
    """A pack is full with so many frames: none is so small that it would be put together with others."""
    return (_PACK_BYTES - _PACK_HEADER_BYTES) // held


def _digests(count: int) -> Iterator[bytes]:
    """What keyed hashes look like to whoever has no key."""
    block = os.urandom(_DIGEST_BYTES * count)
    return (block[start : start + _DIGEST_BYTES] for start in range(0, len(block), _DIGEST_BYTES))


def _tell_points(loader: Loader, part: RealPart, views: list[_View]) -> None:
    objects = total_bytes = 0
    for seq in sorted(part.jobs):
        objects += views[seq].objects
        total_bytes += views[seq].total_bytes
        loader.change(
            "UPDATE recovery_points SET object_count = ?, bytes = ? WHERE series_no = ? AND seq = ?",
            (objects, total_bytes, part.series_no, seq),
        )

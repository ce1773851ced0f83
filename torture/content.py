"""What the objects of a torture run hold: any number of bytes from a number, so that a ledger holds only numbers.

Pieces come from a small set of seeds on purpose: equal chunks meet again across jobs, sources and lives, so that
deduplication, collection and healing have to do with each other.
"""

import hashlib
from functools import lru_cache

import msgspec

from holdfast.model import checksum


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A chunk: `length` bytes that follow from `seed`. Half of them compress well."""

    seed: int
    length: int

    def data(self) -> bytes:
        """The bytes."""
        return _data(self.seed, self.length)

    def digest(self) -> bytes:
        """Their SHA-256."""
        return _digest(self.seed, self.length)


class Content(msgspec.Struct, frozen=True, array_like=True):
    """An object: its chunks by ascending index, its metadata string and blob. Equal contents are equal values."""

    chunks: tuple[tuple[int, Piece], ...] = ()
    note: str | None = None
    blob: Piece | None = None

    def summary(self) -> bytes:
        """The raw SUMMARY digest."""
        return checksum.summary(piece.digest() for _, piece in self.chunks)

    def total_bytes(self) -> int:
        """The sum of its chunks' lengths."""
        return sum(piece.length for _, piece in self.chunks)


@lru_cache(maxsize=4096)
def _data(seed: int, length: int) -> bytes:
    noise = hashlib.shake_128(seed.to_bytes(8, "big"))
    if seed % 2:
        return noise.digest(length)
    line = noise.digest(64)
    return (line * (length // 64 + 1))[:length]


@lru_cache(maxsize=65536)
def _digest(seed: int, length: int) -> bytes:
    return checksum.digest(_data(seed, length))

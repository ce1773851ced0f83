"""Blocks of blobs in memory, the least recently used given up first.

What is always true here: `bytes_held` is the sum of the lengths of the blocks plus a fixed charge for each, and never
more than `bytes_max` minus what is reserved for blocks under way. One thread at a time: whoever owns it has a lock.
"""

from collections import OrderedDict
from collections.abc import Container

# What Python needs for a block beside its bytes: the object's head, the key, the entries of two tables.
BLOCK_CHARGE_BYTES = 400

Key = tuple[str, int]
"""A blob's name, and which of its blocks."""


class Blocks:
    """A bounded set of blocks."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_held = 0
        self.bytes_reserved = 0
        self._blocks: OrderedDict[Key, bytes] = OrderedDict()
        self._of_name: dict[str, set[int]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._blocks

    def get(self, key: Key) -> bytes | None:
        """The block, which thereby is the most recently used."""
        data = self._blocks.get(key)
        if data is not None:
            self._blocks.move_to_end(key)
        return data

    def reserve(self, count: int) -> bool:
        """Make room for so many bytes that are under way, or change nothing and say so."""
        if self.bytes_reserved + count > self.bytes_max:
            return False
        self.bytes_reserved += count
        self._shrink()
        return True

    def release(self, count: int) -> None:
        """What was reserved has arrived, or will not."""
        self.bytes_reserved -= count

    def put(self, key: Key, data: bytes) -> None:
        """Hold a block."""
        self._drop(key)
        self._blocks[key] = data
        self._of_name.setdefault(key[0], set()).add(key[1])
        self.bytes_held += len(data) + BLOCK_CHARGE_BYTES
        self._shrink()

    def forget(self, name: str, numbers: Container[int] | None = None) -> None:
        """Drop these blocks of a blob; without numbers all."""
        held = self._of_name.get(name, set())
        for number in [one for one in held if numbers is None or one in numbers]:
            self._drop((name, number))

    def clear(self) -> None:
        """Drop everything."""
        self._blocks.clear()
        self._of_name.clear()
        self.bytes_held = 0

    def _shrink(self) -> None:
        while self.bytes_held + self.bytes_reserved > self.bytes_max:
            self._drop(next(iter(self._blocks)))

    def _drop(self, key: Key) -> None:
        data = self._blocks.pop(key, None)
        if data is None:
            return
        self.bytes_held -= len(data) + BLOCK_CHARGE_BYTES
        numbers = self._of_name[key[0]]
        numbers.discard(key[1])
        if not numbers:
            del self._of_name[key[0]]

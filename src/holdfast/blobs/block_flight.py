"""One request for neighbouring blocks of a blob, and one reader's picture of the blocks it needs.

A flight has one owner, who fetches it; any number of others wait until it has landed. What it brought is all it asked
for, or ends where the blob ends; or it brought nothing, and whoever waited must see to it himself.
"""

import threading

from holdfast.model.errors import HoldfastError


class Flight:
    """Blocks `numbers` of a blob, under way. Whoever reads `data` or `error` has seen it land, or owns it."""

    def __init__(self, name: str, numbers: range, block_bytes: int) -> None:
        self.name = name
        self.numbers = numbers
        self.keys = tuple([(name, number) for number in numbers])
        self.landed = threading.Event()
        self.data: bytes | None = None
        self.error: HoldfastError | None = None
        """What the store answered instead."""
        self.is_stale = False
        """The blob was changed or doubted meanwhile: of use to those who wait already, and to nobody later."""
        self._block_bytes = block_bytes

    def block(self, number: int) -> bytes:
        """A block of those that came; shorter, or empty, where the blob ended."""
        assert self.data is not None
        start = (number - self.numbers.start) * self._block_bytes
        return self.data[start : start + self._block_bytes]


class Wanted:
    """A range of a blob, gathered block by block. One thread."""

    def __init__(self, name: str, offset: int, length: int, block_bytes: int) -> None:
        """`length` is at least 1."""
        self.name = name
        self.length = length
        self.first = offset // block_bytes
        self.last = (offset + length - 1) // block_bytes
        """The last block needed; an earlier one, once it is known that the blob ends there."""
        self._skipped = offset - self.first * block_bytes
        self._block_bytes = block_bytes
        self._found: dict[int, bytes] = {}

    def missing(self) -> list[int]:
        """The blocks that are needed still, ascending."""
        return [number for number in range(self.first, self.last + 1) if number not in self._found]

    def add(self, number: int, block: bytes) -> None:
        """Take a block."""
        if self.first <= number <= self.last:
            self._found[number] = block
            if len(block) < self._block_bytes:
                self.last = number

    def take(self, flight: Flight) -> None:
        """Take what a flight brought, if it did."""
        if flight.data is not None:
            for number in self.missing():
                if number in flight.numbers:
                    self.add(number, flight.block(number))

    def joined(self) -> bytes:
        """The bytes of the range; fewer where the blob ends."""
        blocks = [self._found[number] for number in range(self.first, self.last + 1)]
        whole = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        return whole[self._skipped : self._skipped + self.length]

"""What the rest of the system asks of a place that keeps bytes.

A name is 1 to 255 bytes of segments parted by '/', each of `A-Z a-z 0-9 . _ -` and not beginning with a dot: the same
name is good as a path and as an object key, and it cannot lead out of the store. A bad name is InvalidInput.

`BlobStore` is what every place can do; `AppendStore` is the rarer gift of files that grow in place. Every
implementation passes `holdfast.testing.blob_store_suite`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class BlobStore(Protocol):
    """Named byte strings that are written once and never change.

    Errors: NotFound for a name that holds nothing; Unavailable when the place is full, read-only or out of reach;
    Damaged when it has the bytes and cannot give them.
    """

    def put(self, name: str, data: Buffer) -> None:
        """Keep `data` under `name`. AlreadyExists if the name is taken; the older bytes stay.

        After it returns, the blob survives a power cut. If it raises, or the power fails within it, the name holds
        all of `data` or nothing, never a part.
        """

    def get(self, name: str) -> bytes:
        """All bytes of the blob."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """The bytes from `offset`; fewer than `length` only where the blob ends."""

    def size(self, name: str) -> int:
        """The blob's length in bytes."""

    def delete(self, name: str) -> None:
        """Forget the blob, if there is one. After it returns, a power cut does not bring it back."""

    def list(self, prefix: str) -> Iterator[str]:
        """The names that begin with `prefix` (any string, the empty one too), in ascending order of their bytes."""


class AppendFile(Protocol):
    """A file that only grows, written by one thread. `size` counts the bytes appended so far, synced or not.

    After an append or a sync has failed the file is poisoned: every further append and sync raises Unavailable and
    touches nothing, for what the disk holds behind the last successful sync is unknown and a second sync might lie
    about it (fsyncgate). What an earlier successful sync covered stays readable.
    """

    @property
    def size(self) -> int: ...

    def append(self, parts: Sequence[Buffer]) -> int:
        """Write the parts one after the other at the end; the offset where they begin. Not durable before `sync`."""

    def sync(self) -> None:
        """After it returns, everything appended so far survives a power cut. Unavailable if that cannot be had."""

    def close(self) -> None:
        """Let go of the file. Never raises, syncs nothing."""


class AppendStore(Protocol):
    """A place whose blobs may also be made by appending."""

    def create(self, name: str) -> AppendFile:
        """A new, empty file under `name`. AlreadyExists if the name is taken.

        After it returns, the name survives a power cut; its bytes do after their sync.
        """

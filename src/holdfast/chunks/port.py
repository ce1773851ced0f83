"""What passes between the chunk store and those who use it.

The values are msgspec structs: they are made for every small object, and a frozen dataclass costs ten times as much.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from holdfast.model.outcome import Outcome

Tx_co = TypeVar("Tx_co", covariant=True)
"""What a step is handed to work in: a transaction of the catalog."""


class Location(msgspec.Struct, frozen=True, gc=False):
    """Where a frame stands: pack (16-byte uid), offset and length of the whole frame in bytes."""

    pack: bytes
    offset: int
    frame_bytes: int


class SealedFrame(msgspec.Struct, frozen=True, gc=False):
    """A chunk compressed and encrypted, ready to append to a pack of its vault."""

    vault: bytes
    """Vault uid, 16 bytes."""
    chunk_id: bytes
    """HMAC of the chunk's SHA-256 under the vault's id key, 32 bytes."""
    raw_bytes: int
    parts: tuple[bytes, ...]
    """Header and sealed body, to be written one after the other without joining them."""

    @property
    def frame_bytes(self) -> int:
        return sum(map(len, self.parts))


class Transactions(Protocol[Tx_co]):
    """Runs a group of steps in one durable transaction.

    Each step is atomic by itself: an exception in it undoes that step only and becomes its Outcome. `run` returns after
    the transaction is durable (survives power loss); if the transaction as a whole fails it raises, and no step
    happened.
    """

    def run(self, steps: Sequence[Callable[[Tx_co], object]]) -> list[Outcome]: ...

"""What passes between the chunk store and those who use it.

The values are msgspec structs: they are made for every small object, and a frozen dataclass costs ten times as much.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose

Tx_co = TypeVar("Tx_co", covariant=True)
"""What a step is handed to work in: a transaction of the catalog."""
Tx_contra = TypeVar("Tx_contra", contravariant=True)


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
    happened, or nobody knows. A step may be run more than once before it counts.
    """

    def run(self, steps: Sequence[Callable[[Tx_co], object]], purpose: Purpose) -> list[Outcome]: ...


class FrameWriter(Protocol[Tx_contra]):
    """Writes frames so that they survive a power cut when it returns (chunks.packs, chunks.whole_packs)."""

    def write_group(self, frames: Sequence[SealedFrame]) -> list[Location]:
        """Where each frame stands, in the order given. If it raises Unavailable, no location may be used."""

    def last_step(self, locations: Sequence[Location]) -> Callable[[Tx_contra], object] | None:
        """What is to be recorded of the packs themselves, after everything else about their frames; often nothing."""

    def discard(self, locations: Sequence[Location]) -> None:
        """The transaction about these frames was refused for good: what holds nothing else may be removed. No error."""

    def settle(self, locations: Sequence[Location]) -> None:
        """The transaction about these frames has ended, one way or the other, or never was."""


class Room(Protocol):
    """Room on the disk that is kept back for urgent work (blobs.reserve.Reserve)."""

    def ensure(self) -> bool:
        """Whether all of it is kept, after an attempt to make it so; ordinary work is refused while it is not."""

    def release(self) -> bool:
        """Give it to those who write; False if there was none to give."""

    def shortage(self) -> str:
        """What there is and what there would have to be, for the message of a refusal."""


class NoRoomKept:
    """Where nothing is kept back, all of it is always there."""

    def ensure(self) -> bool:
        return True

    def release(self) -> bool:
        return False

    def shortage(self) -> str:
        return "nothing is kept back"

"""What every operation of the data plane is given: the engines below it, and nothing of the server above."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.ring import KeyRing
from holdfast.model.clock import Clock
from holdfast.model.limits import CHUNK_BYTES_MAX
from holdfast.model.purpose import Purpose
from holdfast.model.token import TokenMint

R = TypeVar("R")


class Snapshots(Protocol):
    """The reading side of the catalog."""

    def snapshot(self) -> AbstractContextManager[Tx]: ...


class Commits(Protocol):
    """The writing side: frames durable in packs, then `apply` in a durable transaction, then the return."""

    def submit(
        self,
        frames: Sequence[SealedFrame],
        apply: Callable[[Tx, Sequence[Location]], R],
        purpose: Purpose = Purpose.CHANGE,
    ) -> R: ...


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """The engines, and the limits that an administrator may move. One store equals only itself."""

    catalog: Snapshots
    commits: Commits
    chunks: ChunkStore
    keys: KeyRing
    tokens: TokenMint
    clock: Clock
    chunk_bytes_max: int = CHUNK_BYTES_MAX
    on_duplicate: Callable[[int], None] = lambda _: None
    """Told the length of every chunk that came and was held already, for whoever counts."""

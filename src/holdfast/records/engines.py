"""What everything here works with: the catalog, the way to write, the chunk store and the keys."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.store import ChunkStore
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.purpose import Purpose

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


class VaultKeySource(Protocol):
    """Opens the keys of a vault. NotFound if it has none, UnusableKey if they cannot be used."""

    def open(self, vault_uid: bytes) -> VaultKeys: ...


@dataclass(frozen=True, slots=True)
class Engines:
    """One store."""

    catalog: Snapshots
    commits: Commits
    chunks: ChunkStore
    keys: VaultKeySource

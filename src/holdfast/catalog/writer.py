"""This process as a writer of the catalog: its number, and the packs that it begins."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from holdfast.catalog import packs, writers
from holdfast.catalog.transaction import Tx
from holdfast.model.outcome import Outcome

R = TypeVar("R")


class Transactions(Protocol):
    """Runs steps in one durable transaction; for one thread at a time."""

    def run(self, steps: Sequence[Callable[[Tx], object]]) -> list[Outcome]: ...

    def fence(self, writer_no: int) -> None: ...


class Writer:
    """Ends every earlier writer of the catalog when it is made; from then on each transaction bears its number."""

    def __init__(self, catalog: Transactions, now_us: int) -> None:
        self._catalog = catalog
        self.number: int = _done(catalog, lambda tx: writers.begin(tx, now_us))
        catalog.fence(self.number)

    def register(self, vault_uid: bytes, pack_uid: bytes) -> None:
        """A pack that is about to be begun; durable on return. For the thread that commits (chunks.packs.PackSet)."""
        _done(self._catalog, lambda tx: packs.register(tx, vault_uid, pack_uid, self.number))


def _done(catalog: Transactions, step: Callable[[Tx], R]) -> R:
    [outcome] = catalog.run([step])
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]

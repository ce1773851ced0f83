"""This process as a writer of the catalog: its number, its signs of life, and the packs that it begins."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from holdfast.catalog import identity, packs, writers
from holdfast.catalog.transaction import Tx
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose

R = TypeVar("R")


class Transactions(Protocol):
    """Runs steps in one durable transaction (catalog.port.Catalog)."""

    def run(self, steps: Sequence[Callable[[Tx], object]], purpose: Purpose = ...) -> list[Outcome]: ...

    def fence(self, writer_no: int) -> None: ...


class Writer:
    """Takes a number when it is made; from then on each transaction of the catalog bears it."""

    def __init__(
        self,
        catalog: Transactions,
        now_us: int,
        *,
        joins: bool = False,
        speaks: int = 0,
        require: Callable[[Tx], None] = lambda _: None,
    ) -> None:
        """`joins`: there may be other writers, which go on; else every earlier one has ended.

        `require` raises, in the transaction that takes the number, if this process may not write to the store.
        """
        self._require = require
        self._catalog = catalog
        self._joins = joins
        self._speaks = speaks
        self.number = self._begin(now_us)

    def begin_anew(self, now_us: int, ended_no: int) -> bool:
        """Another number instead of `ended_no`, which has ended; False where there can be one writer only.

        Whatever was begun under the old number is to be let go first. For one thread at a time.
        """
        if not self._joins:
            return False
        if self.number == ended_no:
            self.number = self._begin(now_us)
        return True

    def register(self, vault_uid: bytes, pack_uid: bytes) -> None:
        """A pack that is about to be begun; durable on return. For the thread that commits (chunks.packs.PackSet)."""
        number = self.number
        _done(self._catalog, lambda tx: packs.register(tx, vault_uid, pack_uid, number), Purpose.ADD)

    def announce(self, vault_uid: bytes, pack_uids: Sequence[bytes]) -> int:
        """Packs that are about to be begun, or not; how many were ever announced. Durable on return."""
        number = self.number

        def step(tx: Tx) -> int:
            for uid in pack_uids:
                packs.register(tx, vault_uid, uid, number)
            return identity.announce(tx, len(pack_uids))

        return _done(self._catalog, step, Purpose.ADD)

    def leave(self) -> None:
        """Nothing more is written under this number; others may look after what it leaves, at once."""
        number = self.number
        _done(self._catalog, lambda tx: writers.end(tx, number), Purpose.BEGIN)

    def _begin(self, now_us: int) -> int:
        number: int = _done(self._catalog, lambda tx: self._take(tx, now_us), Purpose.BEGIN)
        self._catalog.fence(number)
        return number

    def _take(self, tx: Tx, now_us: int) -> int:
        self._require(tx)
        return writers.join(tx, now_us, self._speaks) if self._joins else writers.begin(tx, now_us)


def _done(catalog: Transactions, step: Callable[[Tx], R], purpose: Purpose) -> R:
    [outcome] = catalog.run([step], purpose)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]

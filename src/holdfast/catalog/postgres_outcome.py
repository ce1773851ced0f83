"""Whether a transaction happened whose commit was sent and whose answer never came.

Every transaction leaves a number in a row that is its process's own: where the row shows it, the transaction happened.
(The transaction's own number is no proof: after a crash the server gives those out again that it had not written down.)
What is always true here: the row is asked only when the transaction is certainly over. As long as its session may still
be at it, that session is ended.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection

from holdfast.catalog.transaction import Row, Tx
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.outcome import Outcome

_AGAIN_SECONDS = 0.2

_LEAVE = """
    INSERT INTO witnesses (slot, number, writer_no) VALUES (:slot, :number, :writer_no)
    ON CONFLICT (slot) DO UPDATE SET number = excluded.number, writer_no = excluded.writer_no
"""
_END_SESSION = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s::int AND backend_xid::text = %s::text
"""
_FORGET = """
    DELETE FROM witnesses
    WHERE writer_no < :writer_no AND writer_no NOT IN (SELECT writer_no FROM writers WHERE ended = 0)
"""
_KEPT_WRITERS = 100
"""One that was ended may still want to know what became of its last transaction."""


@dataclass(slots=True)
class Witness:
    """A row of this process, for one transaction at a time; `number` is that of the last one."""

    slot: bytes = field(default_factory=lambda: os.urandom(16))
    number: int = 0


class Witnesses:
    """The rows of this process. Safe for many threads."""

    def __init__(self) -> None:
        self._free: deque[Witness] = deque()

    @contextmanager
    def one(self) -> Iterator[Witness]:
        """A row that nobody else uses meanwhile; nor ever again if a commit was lost, since it is still to be asked."""
        try:
            witness = self._free.pop()
        except IndexError:
            witness = Witness()
        keep = True
        try:
            yield witness
        except CommitLost:
            keep = False
            raise
        finally:
            if keep:
                self._free.append(witness)


@dataclass(frozen=True, slots=True)
class Began:
    """A transaction: the number that it leaves and where, its own number, and the session that runs it."""

    slot: bytes
    number: int
    xact_id: str
    pid: int


class CommitLost(Exception):
    """The connection ended after the commit was sent: nobody knows yet whether it happened."""

    def __init__(self, began: Began, outcomes: Sequence[Outcome], error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.began = began
        self.outcomes = list(outcomes)
        self.error = error


def begin(tx: Tx, witness: Witness, writer_no: int) -> Began:
    """Leaves the next number of `witness` in the transaction that was just begun."""
    witness.number += 1
    tx.run(_LEAVE, {"slot": witness.slot, "number": witness.number, "writer_no": writer_no})
    row = tx.one("SELECT pg_current_xact_id()::text, pg_backend_pid()")
    assert row is not None
    return Began(witness.slot, witness.number, str(row[0]), int(row[1]))


def forget_old(tx: Tx, newest_writer_no: int) -> None:
    """Removes what writers left that ended long ago."""
    tx.run(_FORGET, {"writer_no": newest_writer_no - _KEPT_WRITERS})


def find_out(connect: Callable[[], Connection[Row]], began: Began, until: float) -> bool:
    """Whether it was committed; False is certain too. Raises Unavailable where that cannot be found out in time."""
    while True:
        with suppress(psycopg.Error, HoldfastError), connect() as connection:
            if _is_over(connection, began):
                found = connection.execute("SELECT number FROM witnesses WHERE slot = %s", (began.slot,)).fetchone()
                return found is not None and found[0] == began.number
        if time.monotonic() + _AGAIN_SECONDS >= until:
            raise Unavailable(
                "the connection to the catalog was lost while a transaction was being committed, and whether it was"
                " cannot be found out yet: send the request again"
            )
        time.sleep(_AGAIN_SECONDS)


def _is_over(connection: Connection[Row], began: Began) -> bool:
    # The number may be another's by now, which then is waited for in vain, and no harm is done.
    row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (began.xact_id,)).fetchone()
    if row is None or row[0] != "in progress":
        return True
    connection.execute(_END_SESSION, (began.pid, began.xact_id))
    return False

"""Whether a transaction happened whose commit was sent and whose answer never came.

PostgreSQL knows: a transaction's number says for a long time afterwards whether it was committed. While it is still
under way its session is ended, so that it is decided one way or the other.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import Connection

from holdfast.catalog.transaction import Row
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.outcome import Outcome

_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Began:
    """A transaction: its number, and the process of the server that runs it."""

    xact_id: str
    pid: int


class CommitLost(Exception):
    """The connection ended after the commit was sent: nobody knows yet whether it happened."""

    def __init__(self, began: Began, outcomes: Sequence[Outcome], error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.began = began
        self.outcomes = list(outcomes)
        self.error = error


def find_out(connect: Callable[[], Connection[Row]], began: Began, until: float) -> bool:
    """Whether it was committed; False is certain too. Raises Unavailable where that cannot be found out in time."""
    while True:
        with suppress(psycopg.Error, HoldfastError):
            status = _status(connect, began)
            if status in ("committed", "aborted"):
                return status == "committed"
        if time.monotonic() + _AGAIN_SECONDS >= until:
            raise Unavailable(
                "the connection to the catalog was lost while a transaction was being committed, and whether it was"
                " cannot be found out yet: send the request again"
            )
        time.sleep(_AGAIN_SECONDS)


def _status(connect: Callable[[], Connection[Row]], began: Began) -> str:
    with connect() as connection:
        row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (began.xact_id,)).fetchone()
        status = str(row[0]) if row else ""
        if status == "in progress":
            connection.execute("SELECT pg_terminate_backend(%s::int)", (began.pid,))
    return status

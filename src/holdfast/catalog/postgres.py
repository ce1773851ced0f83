"""The catalog on PostgreSQL: any number of processes and machines, each with any number of threads.

Every transaction is READ COMMITTED under one advisory lock of the store, which it takes first: those that add to
running jobs take it shared and run beside each other, all others take it alone. So whatever was argued for one
transaction after the other holds here for all but adding beside adding, and that is argued in
docs/design/isolation.md. What is always true here: `run` returns only after the commit was answered, or was found out
to have happened; a step that is undone because a race was lost is run again, and the caller never hears of it, up to a
bound.
"""

import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from holdfast.catalog import postgres_schema, writers
from holdfast.catalog.postgres_connections import Connections, connect
from holdfast.catalog.postgres_errors import RACES, contended, is_lost_connection, refused, translated, unreachable
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_outcome import Began, CommitLost, Witnesses, begin, find_out, forget_old
from holdfast.catalog.postgres_session import require_own_sessions
from holdfast.catalog.postgres_tx import NotAlone, Piped, PostgresTx
from holdfast.catalog.transaction import Row, Tx
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose

_RACES_MAX = 12
_ALONE_AFTER = 4
"""A race that was lost so often is run alone, where there is none."""
_PAUSE_SECONDS_MIN, _PAUSE_SECONDS_MAX = 0.005, 0.5


class PostgresCatalog:
    """Fulfils `catalog.port.Catalog`. Safe for many threads."""

    parallel = True

    def __init__(self, options: PostgresOptions) -> None:
        """Connects, and brings the schema up to date. Raises Unavailable, saying what is wrong."""
        self.where = _shown(options)
        self._options = options
        self._lock_key = (_LOCK_CLASS, _signed(zlib.crc32(options.schema.encode())))
        self._writer_no: int | None = None
        self._witnesses = Witnesses()
        with translated(self.where):
            require_own_sessions(options, self.where)
            postgres_schema.apply(options, self.where)
        self._connections = Connections(options, self.where)
        self._asking = Connections(replace(options, connections_max=1), self.where)

    def fence(self, writer_no: int) -> None:
        self._writer_no = writer_no
        self.run([lambda tx: forget_old(tx, writer_no)], Purpose.BEGIN)

    def run(self, steps: Sequence[Callable[[Tx], object]], purpose: Purpose = Purpose.CHANGE) -> list[Outcome]:
        trial = _Trial(steps, purpose, not purpose.is_shared, time.monotonic() + self._options.patience_seconds)
        while True:
            with translated(self.where):
                outcomes = self._attempt(trial)
            if outcomes is not None:
                return outcomes
            time.sleep(trial.pause())

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        until = time.monotonic() + self._options.patience_seconds
        with translated(self.where), self._connections.use(until) as (connection, before_each):
            pipeline = Piped(connection)
            tx = PostgresTx(connection, pipeline, before_each=before_each)
            try:
                tx.say("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield tx
                tx.say("COMMIT")
                pipeline.end()
            except psycopg.Error:
                pipeline.abandon()
                connection.close()
                raise
            except BaseException:
                pipeline.abandon()
                raise

    def ping(self, seconds_max: float) -> None:
        with translated(self.where), self._asking.use(time.monotonic() + seconds_max) as (connection, _):
            connection.execute("SELECT 1")

    def close(self) -> None:
        self._connections.close()
        self._asking.close()

    def _attempt(self, trial: "_Trial") -> list[Outcome] | None:
        """What the steps came to, or None if they are to be tried again."""
        try:
            with self._connections.use(trial.until) as (connection, before_each):
                return self._transaction(connection, before_each, trial)
        except NotAlone:
            trial.alone = True
        except CommitLost as lost:
            self._connections.forget_idle()
            if find_out(lambda: connect(self._options), lost.began, trial.until):
                return lost.outcomes
            trial.lose(self.where, lost.error)
        except _Lost as lost_connection:
            self._connections.forget_idle()
            trial.lose(self.where, lost_connection.error)
        except RACES as race:
            trial.race(self.where, race)
        return None

    def _transaction(
        self, connection: Connection[Row], before_each: Callable[[], None], trial: "_Trial"
    ) -> list[Outcome]:
        began: Began | None = None
        outcomes: list[Outcome] = []
        committing = False
        pipeline = Piped(connection)
        with self._witnesses.one() as witness:
            try:
                tx = PostgresTx(connection, pipeline, shares=not trial.alone, before_each=before_each)
                self._lock(tx, trial.alone)
                began = begin(tx, witness, self._writer_no or 0)
                writers.require_admitted(tx, self._writer_no, trial.purpose)
                outcomes = [_step(tx, step, single=len(trial.steps) == 1) for step in trial.steps]
                if trial.purpose is Purpose.BEGIN:
                    postgres_schema.require_spoken(tx)
                pipeline.wait()
                committing = True
                if len(outcomes) == 1 and outcomes[0].error is not None:
                    tx.undo("ROLLBACK")
                else:
                    tx.say("COMMIT")
                pipeline.end()
                return outcomes
            except psycopg.Error as error:
                # Statements behind the one that failed were not prepared, whatever this side of the connection thinks.
                pipeline.abandon()
                lost = is_lost_connection(error, connection)
                connection.close()
                if lost and committing and began is not None:
                    raise CommitLost(began, outcomes, error) from error
                if lost:
                    raise _Lost(error) from error
                raise
            except BaseException:
                pipeline.abandon()
                raise

    def _lock(self, tx: PostgresTx, alone: bool) -> None:
        kind = "" if alone else "_shared"
        tx.say("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        # A statement of its own: what the next one sees is as of after the lock.
        tx.say(f"SELECT pg_advisory_xact_lock{kind}{self._lock_key}")


@dataclass(slots=True)
class _Trial:
    """Steps that are tried until they are through, or patience or luck is over."""

    steps: Sequence[Callable[[Tx], object]]
    purpose: Purpose
    alone: bool
    until: float
    races: int = 0
    losses: int = 0

    def race(self, where: str, race: psycopg.Error) -> None:
        """Raises Transient if that was one too many."""
        if self.alone and isinstance(race, psycopg.errors.UniqueViolation):
            # Nobody else was there to race with: it is a defect of ours and must be seen as one.
            raise refused(race) from race
        self.races += 1
        self.alone = self.alone or self.races >= _ALONE_AFTER
        if self.races >= _RACES_MAX or time.monotonic() >= self.until:
            raise contended(where, race) from race

    def lose(self, where: str, error: BaseException) -> None:
        """Raises Unavailable if the database has been away for too long."""
        self.losses += 1
        if time.monotonic() >= self.until:
            raise unreachable(where, error) from error

    def pause(self) -> float:
        """Seconds until the next attempt: random, of growing bounds; none where only the manner changes."""
        tries = self.races + self.losses
        bound = min(_PAUSE_SECONDS_MIN * 2**tries, _PAUSE_SECONDS_MAX)
        return random.uniform(0, bound) if tries else 0.0  # noqa: S311 - it keeps racers apart, and no secrets


class _Lost(Exception):
    """The connection ended before the commit was asked for: nothing has happened."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.error = error


_LOCK_CLASS = 0x4846_4153
"""What our advisory locks have in common; a store's own number is that of its schema."""


def _step(tx: PostgresTx, step: Callable[[Tx], object], *, single: bool) -> Outcome:
    if not single:
        tx.say("SAVEPOINT step")
    try:
        value = step(tx)
    except (psycopg.Error, NotAlone):
        # The transaction as a whole is in trouble, or to be run otherwise: no step of this group counts.
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it undoes this step alone and reaches its caller
        if not single:
            tx.undo("ROLLBACK TO step")
        return Outcome(error=error)
    if not single:
        tx.say("RELEASE step")
    return Outcome(value=value)


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def _shown(options: PostgresOptions) -> str:
    """The place of the catalog in words, without the password."""
    try:
        parts = conninfo_to_dict(options.url)
    except psycopg.ProgrammingError:
        return "(a URL that cannot be read)"
    host, port = parts.get("host") or "local socket", parts.get("port")
    return f"postgresql://{host}{f':{port}' if port else ''}/{parts.get('dbname') or ''}, schema {options.schema}"

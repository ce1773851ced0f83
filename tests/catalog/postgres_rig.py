"""A catalog on a real PostgreSQL with tables of the tests' own, in which acknowledged steps can be found again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError
from holdfast.model.purpose import Purpose

R = TypeVar("R")

ADD, CHANGE = Purpose.ADD, Purpose.CHANGE


def done(catalog: PostgresCatalog, step: Callable[[Tx], R], purpose: Purpose = CHANGE) -> R:
    """What one step came to. Raises what it raised."""
    [outcome] = catalog.run([step], purpose)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]


@contextmanager
def opened(url: str, *, patience_seconds: float = 20.0, schema: str = "holdfast") -> Iterator[PostgresCatalog]:
    """A catalog with the tests' tables in it: `marks`, where nothing keeps a row from coming twice, and `counters`."""
    with closing(PostgresCatalog(PostgresOptions(url, schema, patience_seconds=patience_seconds))) as catalog:

        def make(tx: Tx) -> None:
            tx.run("CREATE TABLE IF NOT EXISTS marks (mark TEXT NOT NULL)")
            tx.run("CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)")
            tx.run("INSERT INTO counters VALUES ('a', 0), ('b', 0) ON CONFLICT DO NOTHING")

        done(catalog, make)
        yield catalog


def mark(name: str) -> Callable[[Tx], str]:
    """A step that leaves a row and counts it."""

    def step(tx: Tx) -> str:
        tx.insert("marks", ("mark",), [(name,)])
        tx.run("UPDATE counters SET value = value + 1 WHERE name = 'a'")
        return name

    return step


def marks(catalog: PostgresCatalog) -> list[str]:
    """All rows that steps left, sorted."""
    with catalog.snapshot() as tx:
        return sorted(str(row[0]) for row in tx.all("SELECT mark FROM marks"))


def counted(catalog: PostgresCatalog, name: str = "a") -> int:
    with catalog.snapshot() as tx:
        row = tx.one("SELECT value FROM counters WHERE name = :name", {"name": name})
    assert row is not None
    return int(row[0])


class Crowd:
    """Threads that leave marks until they are told to stop, and remember which were acknowledged and which refused."""

    def __init__(self, catalog: PostgresCatalog, count: int, purpose: Purpose = ADD) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[tuple[str, HoldfastError]] = []
        self.reads: list[int] = []
        self.defects: list[BaseException] = []
        self.slowest = 0.0
        self._catalog = catalog
        self._purpose = purpose
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=[place]) for place in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def check(self) -> None:
        """Each acknowledged mark is there once, each other one once or not at all, and nothing was a defect."""
        assert self.defects == []
        found = marks(self._catalog)
        assert len(found) == len(set(found))
        assert set(self.acknowledged) <= set(found) <= {*self.acknowledged, *(name for name, _ in self.refused)}
        assert counted(self._catalog) == len(found)

    def _live(self, place: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"{place}/{number}"
            began = time.monotonic()
            try:
                done(self._catalog, mark(name), self._purpose)
                self.acknowledged.append(name)
                # Whatever was acknowledged before is seen.
                with self._catalog.snapshot() as tx:
                    assert tx.one("SELECT 1 FROM marks WHERE mark = :mark", {"mark": name}) is not None
            except HoldfastError as error:
                if name not in self.acknowledged:
                    self.refused.append((name, error))
            except BaseException as defect:  # noqa: BLE001 - shown by check
                self.defects.append(defect)
                return
            self.slowest = max(self.slowest, time.monotonic() - began)

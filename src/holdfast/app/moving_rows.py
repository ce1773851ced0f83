"""Copies the rows of a frozen source's catalog, and compares what came.

Every page is read in a snapshot that also shows the move's own freeze. So all pages are of one state of the source,
though no snapshot stays open for long: where the freeze stands it has stood all the time (its name is this run's), and
under it nothing changes but what readers need, the leases of jobs and jobs that read, each of which is as good one
moment later. What is compared are the rows that were read there with the rows that can be read here, in the order of
their keys, by a digest over a canonical encoding of both.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import msgspec

from holdfast.app.moving_report import Progress, TableCopy
from holdfast.app.moving_transactions import done, seen
from holdfast.catalog import transfer
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Row, Tx
from holdfast.catalog.transfer import TABLES, Table
from holdfast.model.errors import Damaged

_ROWS_PER_PAGE = 8192
_encode = msgspec.msgpack.Encoder().encode

Look = Callable[[Tx], None]


def copy_rows(source: Catalog, target: Catalog, require_frozen: Look, progress: Progress) -> dict[str, TableCopy]:
    """Puts all rows of the source in place of the target's. `require_frozen` raises once the freeze is gone."""
    done(target, transfer.clear)
    copies: dict[str, TableCopy] = {}
    total = 0
    # A page is written while the next one is read.
    with ThreadPoolExecutor(1, thread_name_prefix="moving") as writer:
        for table in TABLES:
            digest, count = hashlib.sha256(), 0
            written: Future[None] | None = None
            for rows in _pages(source, table, require_frozen):
                if written is not None:
                    written.result()
                written = writer.submit(done, target, _keeping(table, rows))
                digest.update(_encoded(rows))
                count += len(rows)
                total += len(rows)
                progress("rows copied", total, 0)
            if written is not None:
                written.result()
            copies[table.name] = TableCopy(count, digest.hexdigest())
    return copies


def compare_rows(
    source: Catalog, target: Catalog, copies: dict[str, TableCopy], require_frozen: Look, progress: Progress
) -> None:
    """Reads all rows of the target. Raises Damaged, naming a row, where they are not those that were copied."""
    total = sum(copy.rows for copy in copies.values())
    seen = 0
    for table in TABLES:
        digest, count = hashlib.sha256(), 0
        for rows in _pages(target, table, _nothing):
            digest.update(_encoded(rows))
            count += len(rows)
            seen += len(rows)
            progress("rows compared", seen, total)
        copy = copies[table.name]
        if TableCopy(count, digest.hexdigest()) != copy:
            raise Damaged(
                f"the table {table.name} has {count:,} rows at the target that are not the {copy.rows:,} that were"
                f" copied: {_first_difference(source, target, table, require_frozen)}; run the command again, and the"
                " rows are copied anew"
            )


def _pages(catalog: Catalog, table: Table, look: Look) -> Iterator[list[Row]]:
    after: Row | None = None
    while True:
        rows = seen(catalog, partial(_page, table=table, after=after, look=look))
        if rows:
            yield rows
        if len(rows) < _ROWS_PER_PAGE:
            return
        after = table.key_of(rows[-1])


def _page(tx: Tx, *, table: Table, after: Row | None, look: Look) -> list[Row]:
    look(tx)
    return transfer.page(tx, table, after, _ROWS_PER_PAGE)


def _keeping(table: Table, rows: list[Row]) -> Callable[[Tx], None]:
    return lambda tx: transfer.keep(tx, table, rows)


def _encoded(rows: list[Row]) -> bytes:
    return b"".join(map(_encode, rows))


def _first_difference(source: Catalog, target: Catalog, table: Table, look: Look) -> str:
    there, here = _pages(source, table, look), _pages(target, table, _nothing)
    while True:
        ours, theirs = next(there, []), next(here, [])
        for one, other in zip(ours, theirs, strict=False):
            if one != other:
                return f"the first that differs is {_named(table, min(one, other, key=table.key_of))}"
        if len(ours) != len(theirs):
            longer = max(ours, theirs, key=len)
            return f"the first that only one side has is {_named(table, longer[min(len(ours), len(theirs))])}"
        if not ours:
            return "they differed when they were copied"


def _named(table: Table, row: Row) -> str:
    return ", ".join(f"{column} {value!r}" for column, value in zip(table.key, table.key_of(row), strict=True))


def _nothing(_: Tx) -> None:
    """The target is frozen by its own mark."""

"""Wires what writes: this process as a writer, the packs that it fills, and the group commit over them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from holdfast.app.config import StoreOptions
from holdfast.app.mark import MarkedWriter
from holdfast.app.places import BlobPlaces
from holdfast.blobs.reserve import Reserve
from holdfast.catalog import packs as pack_rows
from holdfast.catalog import writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit, GroupReport
from holdfast.chunks.packs import PackSet
from holdfast.chunks.port import FrameWriter
from holdfast.chunks.whole_packs import WholePacks
from holdfast.model.clock import Clock
from holdfast.model.errors import HoldfastError
from holdfast.observe.logs import Logger


class Packs(FrameWriter[Tx], Protocol):
    """The packs that this process fills, wherever they are."""

    def is_open(self, vault: bytes, pack_uid: bytes) -> bool: ...

    def turn_over(self, vault: bytes) -> None: ...

    def let_go(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Writing:
    """The writing side of one open store."""

    writer: Writer
    packs: Packs
    commits: GroupCommit[Tx]


def writing(
    options: StoreOptions,
    catalog: Catalog,
    places: BlobPlaces,
    reserve: Reserve | None,
    clock: Clock,
    closing: ExitStack,
    *,
    joins: bool,
    speaks: int,
    require: Callable[[Tx], None],
    log: Logger,
    observe: Callable[[GroupReport], None],
) -> Writing:
    """Begins to write; `closing` ends it. `joins`: beside others that have the store open.

    `require` raises, in the transaction that lets this process in, if it may not come.
    """

    def begin() -> Writer:
        return Writer(catalog, clock.now_us(), joins=joins, speaks=speaks, require=require)

    writer = begin() if reserve is None else reserve.lend(begin)
    if joins:
        closing.callback(_leave, writer)
    packs = _packs(places, writer)
    closing.callback(packs.close)
    anew = _Anew(catalog, writer, packs, clock, log)
    commits = GroupCommit(
        packs,
        catalog,
        options.commits,
        lanes=options.commits.lanes if catalog.parallel else 1,
        room=reserve,
        begin_anew=anew,
        observe=observe,
    )
    closing.callback(commits.close)
    return Writing(writer, packs, commits)


class _Anew:
    """Goes on as another writer where this one was taken for dead; one thread at a time, and once for all of them."""

    def __init__(self, catalog: Catalog, writer: Writer, packs: Packs, clock: Clock, log: Logger) -> None:
        self._log = log
        self._catalog = catalog
        self._writer = writer
        self._packs = packs
        self._clock = clock
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        try:
            with self._lock:
                number = self._writer.number
                with self._catalog.snapshot() as tx:
                    if number in writers.live(tx):
                        return True
                self._packs.let_go()
                # In a directory, whoever has its lock says who writes: there this process is to end.
                goes_on = self._catalog.parallel and self._writer.begin_anew(self._clock.now_us(), number)
            self._log.warning(
                "taken for dead, or overtaken",
                part="writing",
                writer=number,
                goes_on_as=self._writer.number if goes_on else None,
            )
            return goes_on
        except HoldfastError:
            return False


def _packs(places: BlobPlaces, writer: Writer) -> Packs:
    if places.local is not None:
        return PackSet(places.local, writer.register)
    assert places.bucket is not None
    return WholePacks(places.bucket, MarkedWriter(writer, places.bucket), pack_rows.measure_whole)


def _leave(writer: Writer) -> None:
    try:
        writer.leave()
    except HoldfastError:
        # The database is away; others find out by the silence.
        return

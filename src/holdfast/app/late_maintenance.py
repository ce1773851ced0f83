"""When what looks after an open store is loaded: with the store in a service, and in a short command when it is needed.

Collecting, compacting and checking are a third of all code, and a command such as `holdfast points --store DIR` ends
before any of them has done a step. There they are loaded by the first operation that is one of theirs, or by the
background's thread once the command has lasted for `BRIEF_SECONDS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.access.authenticate import Caller
from holdfast.app.config import StoreOptions
from holdfast.app.places import BlobPlaces
from holdfast.app.writing import Writing
from holdfast.catalog.port import Catalog
from holdfast.chunks import reed_solomon
from holdfast.chunks.store import ChunkStore
from holdfast.keys.ring import KeyRing
from holdfast.model.clock import Clock
from holdfast.model.token import TokenMint
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics
from holdfast.upkeep.worker import Worker

if TYPE_CHECKING:
    from holdfast.app.maintenance import Handler, Maintenance

BRIEF_SECONDS = 1.0
OPERATIONS = ("CollectGarbage", "VerifyStore")


@dataclass(frozen=True, slots=True)
class Opened:
    """An open store, as what looks after it needs it."""

    options: StoreOptions
    catalog: Catalog
    places: BlobPlaces
    written: Writing
    chunks: ChunkStore
    keys: KeyRing
    tokens: TokenMint
    clock: Clock
    metrics: Metrics
    log: Logger
    joins: bool
    """Whether other processes have it open too."""


class LateMaintenance:
    """The maintenance of one store, made once, by whichever thread asks first."""

    def __init__(self, store: Opened) -> None:
        """Raises Unavailable where parity is asked for and its library is not installed."""
        if store.options.parity_percent:
            reed_solomon.require()
        self._store = store

    def workers(self) -> Sequence[Worker]:
        """Those of the background."""
        return self._made.workers

    def handlers(self) -> "dict[str, Handler]":
        """Handlers by operation name."""
        return {name: self._handler(name) for name in OPERATIONS}

    def _handler(self, name: str) -> "Handler":
        def handle(caller: Caller, params: dict[str, object]) -> Mapping[str, object]:
            return self._made.handlers[name](caller, params)

        return handle

    @cached_property
    def _made(self) -> "Maintenance":
        from holdfast.app.maintenance import maintenance

        return maintenance(self._store)

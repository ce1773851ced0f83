"""Being alone with a store on PostgreSQL: nobody holds a lock there, but whoever lives gives signs of it.

A node that was stopped has taken its leave. One that was killed, the last of all, has nobody left to end it: it is
watched here for as long as another node would have watched it.
"""

import time

from holdfast.catalog import writers
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Unavailable
from holdfast.model.purpose import Purpose

_LOOK_SECONDS = 1.0


def require_silence(catalog: Catalog, silent_seconds: float) -> None:
    """Returns when no writer is left; those that gave no sign for so long are ended. Raises Unavailable."""
    silent = _live(catalog)
    until = time.monotonic() + silent_seconds
    while silent and time.monotonic() < until:
        time.sleep(min(_LOOK_SECONDS, silent_seconds))
        live = _live(catalog)
        if any(silent.get(number) != beats for number, beats in live.items()):
            raise _in_use(live)
        silent = live

    def end(tx: Tx) -> None:
        for number, beats in silent.items():
            writers.end(tx, number, beats)
        require_nobody(tx)

    [outcome] = catalog.run([end], Purpose.BEGIN)
    if outcome.error is not None:
        raise outcome.error


def require_nobody(tx: Tx) -> None:
    """Raises Unavailable if a node has the store open."""
    live = writers.live(tx)
    if live:
        raise _in_use(live)


def _live(catalog: Catalog) -> dict[int, int]:
    with catalog.snapshot() as tx:
        return writers.live(tx)


def _in_use(live: dict[int, int]) -> Unavailable:
    return Unavailable(f"the store is in use: {len(live)} node(s) have it open; stop all of them first")

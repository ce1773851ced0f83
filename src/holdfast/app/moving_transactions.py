"""How a move asks and tells a catalog: reads that are tried again, and changes that no freeze stops.

A read is small, and the same whenever it is made: so one that was broken off with its connection is simply made again.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Transient, Unavailable
from holdfast.model.purpose import Purpose

T = TypeVar("T")

_READS_MAX = 6
_AGAIN_SECONDS = 0.3
"""A new connection is waited for by the catalog itself; this is for those that were kept and are dead too."""


def seen(catalog: Catalog, look: Callable[[Tx], T]) -> T:
    """What `look` found in a snapshot; it may look more than once. Raises Unavailable, and what it raises."""
    for _ in range(_READS_MAX - 1):
        try:
            with catalog.snapshot() as tx:
                return look(tx)
        except (Unavailable, Transient):
            time.sleep(_AGAIN_SECONDS)
    with catalog.snapshot() as tx:
        return look(tx)


def done(catalog: Catalog, step: Callable[[Tx], T]) -> T:
    """What `step` returned, in a transaction that a freeze does not stop. Raises what it raised."""
    [outcome] = catalog.run([step], Purpose.BEGIN)
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]

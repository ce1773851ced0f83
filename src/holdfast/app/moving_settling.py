"""What is said in the target's catalog that was not said in the source's: lengths, counters, and whose keys it has.

A pack that was still open at the source takes no more frames at the target: it has its length from here on, as if its
writer had ended and somebody had measured it.
"""

from collections.abc import Mapping

from holdfast.app.moving_places import End, StoreKeys
from holdfast.app.moving_transactions import done, seen
from holdfast.catalog import identity, packs, transfer
from holdfast.catalog.transaction import Tx

_PACKS_PER_PAGE = 1000


def settle(source: End, target: End, keys: StoreKeys, lengths: Mapping[int | None, int]) -> None:
    """In one transaction. `lengths` are those of the packs that were copied, by pack number; the others have none."""
    counted = seen(source.catalog, transfer.counters)

    def step(tx: Tx) -> None:
        after = 0
        while page := packs.unmeasured(tx, after, _PACKS_PER_PAGE):
            for pack in page:
                packs.measure(tx, pack.pack_no, lengths.get(pack.pack_no, 0))
            after = page[-1].pack_no
        transfer.advance(tx, counted)
        if target.options.catalog is not None:
            # A store of one process finds its keys in its directory alone.
            identity.settle(tx, keys.identity)
            identity.replace(tx, keys.identity)

    done(target.catalog, step)

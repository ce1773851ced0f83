"""Wires what looks after an open store: the workers of the background, and the operations that do the same on demand.

`app.late_maintenance` decides when; importing this module loads all of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdfast.access.authenticate import Caller
from holdfast.app.collecting import Parts, collection
from holdfast.app.late_maintenance import Opened
from holdfast.app.verification import verification
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.records.reseal import Resealer
from holdfast.upkeep.care import Care
from holdfast.upkeep.compactor import BYTES_PER_STEP, WHOLE_BYTES_PER_STEP
from holdfast.upkeep.expiry import Expiry
from holdfast.upkeep.fenced import CHECKER, COLLECTOR, EXPIRY, FencedWrites, OneOfMany
from holdfast.upkeep.own_packs import OwnPacks
from holdfast.upkeep.recording import Recording
from holdfast.upkeep.worker import Worker

Handler = Callable[[Caller, dict[str, object]], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Who works in the background, and the handlers by operation name."""

    workers: list[Worker]
    handlers: Mapping[str, Handler]


def maintenance(store: Opened) -> Maintenance:
    """Of one open store. Raises Unavailable where parity is asked for and its library is not installed."""
    catalog, places, clock = store.catalog, store.places, store.clock
    commits, packs, writer = store.written.commits, store.written.packs, store.written.writer
    engines = Engines(catalog, commits, store.chunks, store.keys)
    # What is copied into a bucket at a time becomes a pack, which should be no small one.
    at_a_time = BYTES_PER_STEP if places.local is not None else WHOLE_BYTES_PER_STEP
    parts = Parts(catalog, commits, places.blobs, store.chunks, store.keys, packs, writer, clock, at_a_time)
    collects = FencedWrites(commits, clock, COLLECTOR, writer)
    collecting = collection(parts, collects, Recording(Recorder(engines)), store.log)
    checks = FencedWrites(commits, clock, CHECKER, writer, heeds_holds=False)
    verifying = verification(
        parts,
        store.tokens,
        store.options,
        collecting.survey.step,
        Resealer(engines),
        checks,
        clears=places.local is not None,
    )
    verifying.show(store.metrics)
    ends = FencedWrites(commits, clock, EXPIRY, writer, heeds_holds=False)
    fenced: list[tuple[Worker, FencedWrites]] = [(Expiry(catalog, ends), ends)]
    fenced += [(worker, collects) for worker in collecting.workers()]
    fenced += [(worker, checks) for worker in verifying.workers()]
    workers = [OneOfMany(worker, writes, catalog) if store.joins else worker for worker, writes in fenced]
    if store.joins and places.local is not None:
        # A pack that grows is known to be closed by the process that filled it and by no other.
        workers.insert(0, OwnPacks(catalog, commits, places.blobs, packs, writer))
    care = Care(catalog, commits, clock, collecting)
    return Maintenance(workers, care.handlers() | verifying.handlers())

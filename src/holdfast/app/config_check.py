"""Tests what a service would need, before it is started: certificate, database, bucket or disk, clocks and keys.

Nothing is made and nothing is changed, but for a probe file and a probe object, which are removed. A part that fails
does not keep the others from being looked at.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from holdfast.app.checks import blobs, catalog, clock, keys, options, process
from holdfast.app.checks.finding import Finding, failed, has_failed, ok
from holdfast.app.checks.options import Setting, in_force
from holdfast.app.config import ServeOptions, StoreOptions
from holdfast.app.opening import require_catalog
from holdfast.app.option_sources import Sources
from holdfast.app.places import catalog_path, open_blobs
from holdfast.catalog.identity import Identity
from holdfast.model.clock import Clock, SystemClock
from holdfast.model.errors import HoldfastError

__all__ = ["Finding", "Setting", "check", "has_failed", "in_force"]

_PATIENCE_SECONDS = 2.0
"""Somebody waits for the answer; what passes by itself is for them to see."""


def check(
    chosen: ServeOptions, sources: Sources, environ: Mapping[str, str], time_here: Clock | None = None
) -> Iterator[Finding]:
    """One finding after the other, as they are made."""
    now = time_here or SystemClock()
    store = _hurried(chosen.store)
    identity = None
    reached = True
    times: list[Finding] = []
    yield from options.options(chosen, sources, environ)
    yield from process.tls(chosen.tls, now)
    yield from process.open_files()
    yield from blobs.directory(store.directory, holds_packs=store.bucket is None)
    if store.bucket is not None:
        found, ahead_us = blobs.bucket(store.bucket, now)
        yield from found
        reached = not has_failed(found)
        ahead_us = clock.bucket_ahead(store.bucket, now) if ahead_us is None else ahead_us
        times += [] if ahead_us is None else [clock.clock("the bucket", ahead_us)]
    if store.catalog is not None:
        found, facts = catalog.postgres(store.catalog, chosen.workers, now)
        yield from found
        if facts is not None:
            identity = facts.identity
            times.append(clock.clock("the database", facts.ahead_us))
    else:
        yield from _sqlite(store, reached=reached)
    if store.bucket is None and store.catalog is None:
        times = [ok("clock", "this machine's is the only one")]
    yield from times
    yield from _keys(store, identity, reached=reached)
    yield from keys.access_key(store, identity)


def _hurried(store: StoreOptions) -> StoreOptions:
    if store.bucket is None:
        return store
    bucket = replace(store.bucket, patience_seconds=_PATIENCE_SECONDS, connect_seconds=3.0, stall_seconds=5.0)
    return replace(store, bucket=bucket, read_cache_bytes=0)


def _sqlite(store: StoreOptions, *, reached: bool) -> Iterator[Finding]:
    path = catalog_path(store)
    assert path is not None
    try:
        if reached:
            with closing(open_blobs(store).blobs) as places:
                require_catalog(path, places)
    except HoldfastError as refused:
        yield failed("catalog", refused.message)
        return
    yield from catalog.sqlite(path)


def _keys(store: StoreOptions, identity: Identity | None, *, reached: bool) -> Iterator[Finding]:
    if not reached:
        yield from keys.keys(store, None, identity)
        return
    with closing(open_blobs(store).blobs) as places:
        yield from keys.keys(store, places, identity)

"""Whether packs can be kept: in a directory of this machine, or in a bucket."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from holdfast.app.checks.finding import Finding, failed, ok, warning
from holdfast.app.directory import prepare
from holdfast.blobs.s3_options import S3Options
from holdfast.model.clock import Clock
from holdfast.model.errors import HoldfastError
from holdfast.model.limits import MIB

_DIRECTORY, _BUCKET = "directory", "bucket"
_FREE_BYTES_WANTED = 1024 * MIB
_PROBE = b"a probe of holdfast config check; it may be deleted\n"


def directory(path: Path, *, holds_packs: bool) -> Iterator[Finding]:
    """The directory of the store, or of the node: whose it is, whether it can be written to, how much room there is."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        if place == path and any(not name.startswith(".") for name in os.listdir(path)):
            # Of a directory that holds something it changes nothing.
            prepare(path)
        _write_and_remove(place / f".probe-{secrets.token_hex(8)}")
        free = shutil.disk_usage(place).free
    except HoldfastError as refused:
        yield failed(_DIRECTORY, refused.message)
        return
    except OSError as refused:
        reason = refused.strerror or str(refused)
        yield failed(_DIRECTORY, f"{place} cannot be written to: {reason}", "let the user of the service write there")
        return
    made = "" if place == path else " and will be made at the first start"
    text = f"{path} can be written to{made}, {free // MIB:,} MiB are free"
    if holds_packs and free < _FREE_BYTES_WANTED:
        yield warning(_DIRECTORY, text, "make room: what is backed up is kept there")
    else:
        yield ok(_DIRECTORY, text)


def bucket(options: S3Options, clock: Clock) -> tuple[list[Finding], int | None]:
    """Whether the bucket does what is asked, on probe objects; and how far its clock is ahead, in microseconds."""
    from holdfast.blobs.s3 import S3Blobs
    from holdfast.blobs.s3_check import probe

    try:
        with closing(S3Blobs(options)) as blobs:
            found = probe(blobs, clock=clock)
    except HoldfastError as refused:
        return [failed(_BUCKET, refused.message)], None
    timeless = replace(found, clock_ahead_seconds=0.0)
    fatal = replace(timeless, lists_in_order=True, keeps_versions=False).complaints
    mild = replace(timeless, refuses_taken_names=True).complaints
    took = f"a probe was written in {found.put_seconds * 1000:.0f} ms and read in {found.get_seconds * 1000:.0f} ms"
    findings = [failed(_BUCKET, f"{options.place}: {said}") for said in fatal]
    findings += [warning(_BUCKET, options.place, said) for said in mild]
    return findings or [ok(_BUCKET, f"{options.place}: {took}")], round(found.clock_ahead_seconds * 1_000_000)


def _write_and_remove(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, _PROBE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        os.unlink(path)

"""`holdfast migrate`: a store to another place, of another kind or the same."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from cyclopts import Parameter

from holdfast.cli.output import DONE, UsageError, say, warn
from holdfast.cli.standing import Standing
from holdfast.model.counted import counted

if TYPE_CHECKING:
    from holdfast.app.config import StoreOptions
    from holdfast.app.moving_report import MoveReport

_THREADS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFlags:
    """Where the store is and where it goes, beyond the directories.

    Parameters
    ----------
    from_catalog
        postgresql://USER@HOST/DATABASE where the catalog is; by default what the holdfast.toml of --from says, else
        SQLite there.
    from_catalog_schema
        Schema in that database; by default holdfast.
    from_blobs
        s3://BUCKET/PREFIX where the packs are; by default what that holdfast.toml says, else files there.
    from_s3_endpoint
        URL of the S3 service of --from-blobs; by default --s3-endpoint.
    to_catalog
        postgresql://USER@HOST/DATABASE where the catalog goes; by default as with --from, but of --to.
    to_catalog_schema
        Schema in that database, made if it is not there; by default holdfast.
    to_blobs
        s3://BUCKET/PREFIX where the packs go; by default as with --from, but of --to.
    to_s3_endpoint
        URL of the S3 service of --to-blobs; by default --s3-endpoint.
    s3_endpoint
        URL of the S3 service of either end; by default HOLDFAST_S3_ENDPOINT, else AWS itself.
    s3_region
        Region of the buckets; by default us-east-1.
    """

    from_catalog: Annotated[str | None, Parameter(metavar="URL")] = None
    from_catalog_schema: Annotated[str | None, Parameter(metavar="NAME")] = None
    from_blobs: Annotated[str | None, Parameter(metavar="S3-URL")] = None
    from_s3_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None
    to_catalog: Annotated[str | None, Parameter(metavar="URL")] = None
    to_catalog_schema: Annotated[str | None, Parameter(metavar="NAME")] = None
    to_blobs: Annotated[str | None, Parameter(metavar="S3-URL")] = None
    to_s3_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None
    s3_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None
    s3_region: Annotated[str | None, Parameter(metavar="NAME")] = None


def migrate(
    *,
    from_: Annotated[str, Parameter(name="--from", metavar="DIR")],
    to: Annotated[str | None, Parameter(metavar="DIR")] = None,
    places: Annotated[PlaceFlags | None, Parameter(name="*")] = None,
    verify: Literal["sums", "all"] = "sums",
    threads: Annotated[int | None, Parameter(metavar="N")] = None,
    keep_source_writable: Annotated[bool, Parameter(negative=())] = False,
    stay_frozen: Annotated[bool, Parameter(negative=())] = False,
    abort: Annotated[bool, Parameter(negative=())] = False,
    passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None,
    kms_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> int:
    """Move a store to another place: a directory to PostgreSQL and a bucket, or back. Readers go on meanwhile.

    Packs are copied while the store's service goes on. Then the store takes no changes any more, what came since is
    copied, and everything is compared; at the end the new place has the same recovery points, keys, jobs and tokens,
    and the old one can only be read. Whatever interrupts it, the same command goes on with it.

    Examples:

        holdfast migrate --from /srv/backups --to /srv/node1 \\
            --to-catalog postgresql://holdfast@db/holdfast --to-blobs s3://backups/holdfast

        holdfast migrate --from /srv/node1 --to /srv/embedded

        holdfast migrate --from /srv/backups --abort

    Parameters
    ----------
    from_
        Directory of the store, or of a node of it.
    to
        Directory of the store's first node at the new place, or of the store itself: empty, or with a holdfast.toml
        that says where catalog and packs go.
    verify
        sums compares every blob, every row and opens every manifest; all decrypts and hashes every frame besides,
        while the store takes no changes.
    threads
        Blobs that are copied at the same time, 1 to 64; by default 8.
    keep_source_writable
        Let the old place take changes again afterwards, beside the new one; without --to: let it do so now.
    stay_frozen
        If the move fails, let the store take no changes until it is run again, or aborted.
    abort
        Give an unfinished move up: the store takes changes again. What was copied stays where it is.
    passphrase_file
        File with the pass phrase that protects the root key.
    kms_endpoint
        URL of the KMS that protects the root key, if it is not AWS's.
    json
        Print JSON.
    quiet
        Show no progress.
    """
    if abort and (to or keep_source_writable):
        raise UsageError("--abort goes with --from alone: it leaves what was copied where it is")
    if to is None and not abort and not keep_source_writable:
        raise UsageError("--to is missing: name the directory where the store goes")
    if threads is not None and not 1 <= threads <= _THREADS_MAX:
        raise UsageError(f"--threads is {threads}: it must be 1 to {_THREADS_MAX}")
    source = _end("from", from_, places, passphrase_file, kms_endpoint)
    if to is None:
        return _let_go(source, abort=abort, json=json)
    target = _end("to", to, places, passphrase_file, kms_endpoint)

    from holdfast.agent.progress import shown
    from holdfast.app.moving import Wishes
    from holdfast.app.moving import migrate as move
    from holdfast.app.moving_crew import THREADS_DEFAULT

    wishes = Wishes(verify == "all", keep_source_writable, stay_frozen, threads or THREADS_DEFAULT)
    standing = Standing("looking at both places")
    try:
        with _stopped_gently(), shown("migrate", standing.line, quiet=quiet or json):
            report = move(source, target, wishes, progress=standing.show)
    except KeyboardInterrupt:
        until = "" if stay_frozen else ", and the store takes changes until then"
        warn(f"interrupted: the same command goes on with the move{until}")
        raise
    _show(report, to, json=json)
    return DONE


def _end(
    side: str, directory: str, places: PlaceFlags | None, passphrase_file: str | None, kms_endpoint: str | None
) -> "StoreOptions":
    from holdfast.app.moving_options import EndFlags, gather_end
    from holdfast.model.errors import InvalidInput

    given = places or PlaceFlags()
    flags = EndFlags(
        side,
        directory,
        catalog=getattr(given, f"{side}_catalog"),
        catalog_schema=getattr(given, f"{side}_catalog_schema"),
        blobs=getattr(given, f"{side}_blobs"),
        s3_endpoint=getattr(given, f"{side}_s3_endpoint") or given.s3_endpoint,
        s3_region=given.s3_region,
        passphrase_file=passphrase_file,
        kms_endpoint=kms_endpoint,
    )
    try:
        return gather_end(flags, os.environ)
    except InvalidInput as misuse:
        raise UsageError(misuse.message) from misuse


@contextmanager
def _stopped_gently() -> Iterator[None]:
    """SIGTERM is as SIGINT: the store takes changes again before this process ends."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _let_go(source: "StoreOptions", *, abort: bool, json: bool) -> int:
    from holdfast.app import moving
    from holdfast.cli.output import print_json

    place = moving.abort(source) if abort else moving.keep_writable(source)
    if json:
        print_json({"target": place, "source_takes_changes": True})
    elif place is None:
        say("no move keeps this store from taking changes")
    else:
        say(f"the store takes changes again; what was copied is at {place}")
    return DONE


def _show(report: "MoveReport", directory: str, *, json: bool) -> None:
    from holdfast.cli.output import print_facts, print_json, size

    for damaged in report.damaged:
        warn(f"damaged before the move, and as it was: {damaged}")
    if report.damaged_total > len(report.damaged):
        warn(f"and {report.damaged_total - len(report.damaged):,} more: 'holdfast verify --all' names all")
    if json:
        print_json(report)
        return
    kinds = f"{counted(report.packs, 'pack')}, {size(report.pack_bytes)}; {counted(report.key_records, 'key record')}"
    kinds += f"; parity of {counted(report.parities, 'pack')}" if report.parities else ""
    run = f"{size(report.copied_bytes)} copied, {size(report.verified_bytes)} read back and compared"
    opened = f"{counted(report.manifests, 'part')} of manifests"
    opened += f", {counted(report.frames, 'frame')}" if report.frames else ""
    moved = None if report.was_finished else True
    source = "takes changes too" if report.source_takes_changes else "can be read, and takes no changes any more"
    print_facts(
        (
            ("moved from", report.source),
            ("to", report.target),
            ("holds", moved and kinds),
            ("this run", moved and f"{run}; {report.seconds:.1f} s"),
            ("rows", moved and f"{report.rows:,} in {counted(len(report.tables), 'table')}, compared"),
            ("opened", moved and opened),
            ("no changes", moved and f"were taken for {report.frozen_seconds:.1f} s"),
            ("the old place", source),
        )
    )
    say(f"Serve it with 'holdfast serve --data {directory}' and the same places, unless its holdfast.toml says them.")

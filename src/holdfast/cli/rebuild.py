"""`holdfast rebuild`: a new catalog from the packs and keys alone."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.output import DONE, FAILED, UsageError, say, warn
from holdfast.cli.standing import Standing
from holdfast.model.counted import counted

if TYPE_CHECKING:
    from holdfast.app.config import StoreOptions
    from holdfast.records.report import RebuildReport


def rebuild(
    *,
    store: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    bundle: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    replace: Annotated[bool, Parameter(negative=())] = False,
    verify: Annotated[bool, Parameter(negative=())] = False,
    passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None,
    kms_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> int:
    """Make a store's catalog anew from its packs and keys. No service may have the store open.

    Every committed recovery point comes back as it was; jobs that ran are gone and start again. The former catalog, if
    there is one, is kept: as the file catalog.replaced-N, or on PostgreSQL as the schema holdfast_replaced_N, to be
    dropped by hand. The exit code is 1 when something could not be had; it is named.

    Where the catalog is on PostgreSQL or the packs in a bucket, the directory is that of any node; what it is started
    with is taken from its holdfast.toml or the environment, as by serve. A node that was killed is waited for as long
    as other nodes wait (half a minute).

    Examples:

        holdfast rebuild --store /srv/backups

        holdfast rebuild --store /srv/backups --bundle /media/usb/holdfast-keys.txt --verify

        HOLDFAST_CATALOG=postgresql://db/holdfast HOLDFAST_BLOBS=s3://backups holdfast rebuild --store /srv/node

    Parameters
    ----------
    store
        Directory of the store, or of a node; by default that of serve.
    bundle
        A file that 'holdfast key export' made: missing key files are put back from it first.
    replace
        Do so although the catalog there is can be used.
    verify
        Afterwards read, decrypt and hash everything, as 'holdfast verify --all' does.
    passphrase_file
        File with the pass phrase that protects the root key.
    kms_endpoint
        URL of the KMS that protects the root key, if it is not AWS's.
    json
        Print JSON.
    quiet
        Show no progress.
    """
    from holdfast.agent.progress import shown
    from holdfast.app.rebuild import rebuild as make_anew

    options = _options(store, passphrase_file, kms_endpoint)
    if bundle is not None:
        _put_keys_back(bundle, options)
    standing = Standing("looking for packs")
    with shown("rebuild", standing.line, quiet=quiet or json):
        report = make_anew(options, replace=replace, progress=standing.show)
    _show(report, json=json)
    code = DONE if report.is_whole else FAILED
    if verify:
        from holdfast.cli.verify import verify as verify_all

        code = max(
            code,
            verify_all(all_=True, store=options.directory, passphrase_file=passphrase_file, json=json, quiet=quiet),
        )
    return code


def _options(store: Path | None, passphrase_file: str | None, kms_endpoint: str | None) -> "StoreOptions":
    from dataclasses import replace

    from holdfast.app.config import Flags, gather_store, gather_unlock

    # What protects the root key is said by its own file.
    unlock = gather_unlock(
        Flags(data=None if store is None else str(store), passphrase_file=passphrase_file, kms_endpoint=kms_endpoint),
        os.environ,
    )
    options = gather_store(None if store is None else str(store), os.environ)
    return replace(options, unlock=replace(unlock, kms_key=None))


def _put_keys_back(bundle: Path, options: "StoreOptions") -> None:
    from holdfast.app.key_care import import_bundle

    try:
        text = bundle.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise UsageError(f"the bundle {bundle} cannot be read: {unreadable}") from unreadable
    done, missing = import_bundle(options, text)
    for one in missing:
        warn(f"{one} is missing here and in this bundle, which is older: what was written under it cannot be read")
    for name in done.different:
        warn(f"{name} is there and other than the bundle's: it was left alone; if it is damaged, move it away first")


def _show(report: "RebuildReport", *, json: bool) -> None:
    from holdfast.cli.output import print_facts, print_json, size

    if json:
        print_json(report)
        return
    print_facts(
        (
            ("vaults", f"{report.vaults:,}"),
            ("recovery points", f"{report.recovery_points:,}"),
            ("packs", f"{report.packs:,}, {size(report.pack_bytes)}"),
            (
                "cannot be read",
                f"{counted(report.troubles_total, 'place')} in packs" if report.troubles_total else None,
            ),
            ("missing", f"{counted(report.missing_chunks, 'chunk')} of objects" if report.missing_chunks else None),
            ("lost", counted(len(report.lost), "recovery point") if report.lost else None),
        )
    )
    for lost in report.lost:
        say(f"lost: recovery point {lost.point_uid or lost.seq} of {lost.resource_arn}: {lost.reason}")
    for missing in report.missing:
        part = "metadata" if missing.index < 0 else f"chunk {missing.index}"
        say(f"missing: {missing.resource_arn} {missing.object_name} ({part})")
    if report.missing_chunks > len(report.missing):
        say(f"and {report.missing_chunks - len(report.missing):,} more: 'holdfast verify --all' names all")
    for trouble in report.troubles:
        warn(f"{trouble.pack}, {counted(trouble.length, 'byte')} at offset {trouble.offset}: {trouble.reason}")
    for note in report.notes:
        warn(note)
    for hold in report.holds:
        warn(f"nothing is collected until you say so: {hold}")

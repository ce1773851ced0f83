"""`holdfast verify`: whether everything that is stored can be read back."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from holdfast.cli.output import DONE, FAILED, UsageError, print_json_line, say
from holdfast.cli.passphrase import PassphraseFile
from holdfast.model.counted import counted
from holdfast.model.limits import PARITY_PERCENT_MAX

if TYPE_CHECKING:
    from holdfast.client.answers import Damage, DamagedManifest, DamagedRecord, VerificationSlice


@dataclass(slots=True)
class _Tally:
    """Where a verification stands; the damage itself is printed as it comes, not kept."""

    checked_chunks: int = 0
    checked_bytes: int = 0
    total_bytes: int = 0
    repaired_chunks: int = 0
    resealed_manifests: int = 0
    parity_added: int = 0
    packs_without_parity: int = 0
    damaged: int = 0
    points: set[str] = field(default_factory=set)

    def add(self, found: "VerificationSlice") -> None:
        self.checked_chunks += found.checked_chunks
        self.checked_bytes += found.checked_bytes
        self.total_bytes = max(self.total_bytes, found.total_bytes)
        self.repaired_chunks += found.repaired_chunks
        self.resealed_manifests += found.resealed_manifests
        self.parity_added += found.parity_added
        self.packs_without_parity += found.packs_without_parity
        self.damaged += len(found.damages) + len(found.damaged_manifests) + len(found.damaged_records)
        self.points.update(damage.recovery_point_arn for damage in found.damages)

    def line(self) -> str:
        from holdfast.cli.output import size

        share = min(100, self.checked_bytes * 100 // self.total_bytes) if self.total_bytes else 100
        line = f"{share} %, {counted(self.checked_chunks, 'chunk')}, {size(self.checked_bytes)} read"
        return line + (f", {self.damaged:,} damaged" if self.damaged else "")


def verify(
    *,
    source: str | None = None,
    point: str | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    add_parity: Annotated[str | None, Parameter(metavar="PERCENT")] = None,
    vault: str | None = None,
    store: Path | None = None,
    passphrase_file: PassphraseFile = None,
    json: Annotated[bool, Parameter(name="--json", negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> int:
    """Read, decrypt and hash what is stored, and name every object that cannot be read back.

    Without options everything is verified. Damage that parity can repair is repaired; what is left is marked, and the
    next backup of the same data heals it. The exit code is 0 when all is well, and 1 when something is damaged.

    Examples:

        holdfast verify

        holdfast verify --source web1-etc --point latest

        holdfast verify --add-parity 5

    Parameters
    ----------
    source
        Verify the recovery points of this source.
    point
        Verify this recovery point: its ARN, or 'latest' or a time together with --source.
    all_
        Verify everything; the same as giving neither --source nor --point.
    add_parity
        Afterwards give every closed pack that has none so much parity, 1 to 50 percent, to repair later damage with.
    vault
        Look for --point in this vault only.
    store
        Open the store in this directory inside this process, instead of using an endpoint.
    json
        Print one JSON object per finding, and the summary as the last.
    quiet
        Show no progress.
    """
    from holdfast.agent.points import choose, moment
    from holdfast.agent.progress import shown
    from holdfast.app.connect import connect
    from holdfast.model.arn import resource_arn

    if all_ and (source or point):
        raise UsageError("--all goes with neither --source nor --point: it verifies everything")
    percent = _percent(add_parity)
    if percent and (source or point):
        raise UsageError("--add-parity is for the whole store: leave --source and --point out")
    if point and source is None and (point == "latest" or moment(point) is not None):
        raise UsageError(f"--point {point} needs --source")
    tally = _Tally()
    with connect(store, os.environ, passphrase_file) as connection:
        api = connection.api
        arn = choose(api, source, point, vault).recovery_point_arn if point else None
        resource = resource_arn(source) if source and not point else None
        with shown("verify", tally.line, quiet=quiet or json):
            slices = api.verify_store(recovery_point_arn=arn, resource_arn=resource, add_parity=percent)
            for found in slices:
                tally.add(found)
                _print(found, json=json)
    _print_summary(tally, json=json)
    return FAILED if tally.damaged else DONE


def _percent(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PARITY_PERCENT_MAX:
        raise UsageError(f"--add-parity is {text!r}: it must be a whole number from 1 to {PARITY_PERCENT_MAX}")
    return int(text)


def _print(found: "VerificationSlice", *, json: bool) -> None:
    if json:
        import msgspec

        kinds: Iterable[tuple[str, list[Damage] | list[DamagedManifest] | list[DamagedRecord]]] = (
            ("object", found.damages),
            ("manifest", found.damaged_manifests),
            ("record", found.damaged_records),
        )
        for kind, findings in kinds:
            for one in findings:
                print_json_line({"Damaged": kind, **msgspec.to_builtins(one)})
    else:
        for _, damages in groupby(found.damages, key=lambda one: (one.recovery_point_arn, one.object_name, one.reason)):
            _print_object(list(damages))
        for manifest in found.damaged_manifests:
            say(f"damaged manifest: {manifest.recovery_point_arn}: {manifest.reason}")
        for record in found.damaged_records:
            what = f"{record.kind} {record.subject} of vault {record.backup_vault_name}"
            say(f"damaged record: {what}: {record.reason}")
    sys.stdout.flush()


def _print_object(damages: "list[Damage]") -> None:
    """One line for neighbouring findings of one object; --json has each of them."""
    one = damages[0]
    indexes = [damage.chunk_index for damage in damages if damage.chunk_index >= 0]
    parts = ["metadata"] * (len(indexes) < len(damages))
    if indexes:
        parts.append(f"chunk {indexes[0]}" if len(indexes) == 1 else f"{len(indexes):,} chunks from {indexes[0]}")
    say(f"damaged: {one.recovery_point_arn} {one.object_name} ({', '.join(parts)}): {one.reason}")


def _print_summary(tally: _Tally, *, json: bool) -> None:
    from holdfast.cli.output import print_facts, size

    if json:
        summary = {
            "CheckedChunks": tally.checked_chunks,
            "CheckedBytes": tally.checked_bytes,
            "RepairedChunks": tally.repaired_chunks,
            "ResealedManifests": tally.resealed_manifests,
            "ParityAdded": tally.parity_added,
            "PacksWithoutParity": tally.packs_without_parity,
            "Damages": tally.damaged,
            "DamagedRecoveryPoints": sorted(tally.points),
        }
        print_json_line({"Summary": summary})
        return
    print_facts(
        (
            ("checked", f"{counted(tally.checked_chunks, 'chunk')}, {size(tally.checked_bytes)}"),
            ("repaired", counted(tally.repaired_chunks, "chunk") if tally.repaired_chunks else None),
            ("rewritten", counted(tally.resealed_manifests, "manifest") if tally.resealed_manifests else None),
            ("parity added", counted(tally.parity_added, "pack") if tally.parity_added else None),
            ("without parity", counted(tally.packs_without_parity, "pack") if tally.packs_without_parity else None),
            ("damaged", counted(tally.damaged, "finding") if tally.damaged else "nothing"),
            ("recovery points", f"{len(tally.points):,} are not whole" if tally.points else None),
        )
    )
    if tally.points:
        say("Back up the same data once more: whatever is unchanged heals every recovery point that needs it.")

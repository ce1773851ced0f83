"""Rows of a catalog that is made anew: what a running service never writes, because it happened long ago.

For one thread that has the catalog to itself. Everything else is written by the modules of the nouns, as a commit does.
"""

from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from holdfast.catalog import sql
from holdfast.catalog.objects import View
from holdfast.catalog.records import VaultState
from holdfast.catalog.transaction import Tx
from holdfast.model.arn import resource_type
from holdfast.packfile.manifest import ManifestHead

_SQL = sql.load("rebuilding")


class Inherited(msgspec.Struct, frozen=True, gc=False):
    """An object of the view that a recovery point was built on."""

    object_no: int
    completed_us: int
    sealed_checksum: bytes
    metadata_string: str | None
    metadata_bytes: int | None


def insert_vault(tx: Tx, vault: VaultState) -> int:
    """A vault as its record tells of it; its number."""
    tx.run(_SQL["insert_vault"], asdict(vault))
    return _number(tx, "vault_no", uid=vault.uid)


def insert_pack(tx: Tx, vault_no: int, uid: bytes, old_key: int, parity_percent: int) -> int:
    """A pack that lies there, not measured yet; its number."""
    params = {"uid": uid, "vault_no": vault_no, "old_key": old_key, "parity_percent": parity_percent}
    tx.run(_SQL["insert_pack"], params)
    return _number(tx, "pack_no", uid=uid)


def insert_stand_in(tx: Tx, vault_no: int, uid: bytes) -> None:
    """A pack that never was, where chunks are said to be that no pack holds any more."""
    tx.run(_SQL["insert_stand_in"], {"uid": uid, "vault_no": vault_no})


def close_stand_in(tx: Tx, uid: bytes) -> None:
    """Nothing more is said to be missing: the pack that never was, if there is one, takes no more chunks."""
    tx.run(_SQL["close_stand_in"], {"uid": uid})


def insert_series(tx: Tx, vault_no: int, resource_arn: str, last_seq: int) -> None:
    """A series, which goes on counting where it stopped."""
    tx.run(
        _SQL["insert_series"],
        {
            "vault_no": vault_no,
            "resource_arn": resource_arn,
            "resource_type": resource_type(resource_arn),
            "last_seq": last_seq,
        },
    )


def pack_no(tx: Tx, uid: bytes) -> int:
    """The number of a pack."""
    return _number(tx, "pack_no", uid=uid)


def series_no(tx: Tx, vault_no: int, resource_arn: str) -> int:
    """The number of a series."""
    return _number(tx, "series_no", vault_no=vault_no, resource_arn=resource_arn)


def insert_job(tx: Tx, series: int, head: ManifestHead) -> int:
    """The job that made a recovery point, long completed; its number."""
    names = ("seq", "base_seq", "point_uid", "role_arn", "options", "created_us", "completed_us", "edition")
    params = {name: getattr(head, name) for name in names}
    tx.run(_SQL["insert_job"], {**params, "uid": head.job_uid, "series_no": series})
    return _number(tx, "job_no", uid=head.job_uid)


def newest_point(tx: Tx, series: int) -> tuple[int, int, int]:
    """Seq, number of objects and bytes of the newest recovery point so far; zeros for none."""
    row = tx.one(_SQL["newest_point"], {"series_no": series})
    return (row[0], row[1], row[2]) if row else (0, 0, 0)


def mark_deleted(tx: Tx, point_uid: str) -> None:
    """The recovery point is gone for readers, and newer ones build on it."""
    tx.run(_SQL["mark_deleted"], {"uid": point_uid})


def extend_object(tx: Tx, view: View, name: str, chunk_count: int, total_bytes: int) -> None:
    """Further chunks of an object that the job wrote; nothing if it did not."""
    key = {"series_no": view.series_no, "name": name, "seq": view.own}
    tx.run(_SQL["extend_object"], {**key, "chunk_count": chunk_count, "bytes": total_bytes})


def delete_all_names(tx: Tx, view: View) -> None:
    """The job of `view` takes away everything that it inherits, unless `keep_names` says otherwise."""
    tx.run(_SQL["delete_all_names"], {"job_no": view.job_no, "series_no": view.series_no, "seq": view.seq})


def keep_name(tx: Tx, view: View, name: str) -> None:
    """The job of `view` does not take that name away."""
    tx.run(_SQL["keep_name"], {"job_no": view.job_no, "name": name})


def inherited(tx: Tx, view: View, names: Sequence[str]) -> dict[str, Inherited]:
    """Those of the names that the base of `view` holds."""
    rows = tx.all_of(_SQL["inherited"], names, {"series_no": view.series_no, "seq": view.seq})
    return {row[0]: Inherited(*row[1:]) for row in rows}


def written(tx: Tx, series: int, seq: int, names: Sequence[str]) -> dict[str, int]:
    """The numbers of those objects of these names that the job with that seq wrote and that still are rows."""
    rows = tx.all_of(_SQL["written"], names, {"series_no": series, "seq": seq})
    return {str(name): int(object_no) for name, object_no in rows}


def set_metadata_chunk(tx: Tx, object_no: int, chunk_no: int) -> None:
    """The chunk that is the object's metadata blob."""
    tx.run(_SQL["set_metadata_chunk"], {"object_no": object_no, "chunk_no": chunk_no})


def mark_bad(tx: Tx, chunk_nos: Sequence[int]) -> None:
    """These chunks are missing: the next upload of each heals every object that uses it."""
    tx.run_of(_SQL["mark_bad"], chunk_nos)


def _number(tx: Tx, statement: str, **key: object) -> int:
    row = tx.one(_SQL[statement], key)
    assert row is not None
    return int(row[0])

"""What a walk through all packs found, kept in a file of its own while a catalog is made from it.

It may be larger than memory, so it is a database; it is thrown away at the end or after a crash, so nothing in it is
made durable. One thread uses it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw
import msgspec

from holdfast.catalog import sql
from holdfast.catalog.records import DELETION, VAULT
from holdfast.catalog.sqlite_errors import translated
from holdfast.catalog.sqlite_file import make_private
from holdfast.catalog.sqlite_tx import SqliteTx
from holdfast.catalog.transaction import Row

_SQL = sql.load("findings")
_TABLES = ("create_packs", "create_frames", "create_parts", "create_records", "create_replaced", "create_plan")
_PRAGMAS = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA temp_store = FILE;
    PRAGMA cache_size = -65536;
"""
_PAGE = 1000


class FoundPack(msgspec.Struct, frozen=True, gc=False):
    """A pack; `old_key` is 1 if a frame in it was sealed under an earlier frame key of its vault."""

    uid: bytes
    total_bytes: int
    old_key: int


class Place(msgspec.Struct, frozen=True, gc=False):
    """A frame, and where it stands. Lengths in bytes."""

    frame_id: bytes
    raw_bytes: int
    pack: bytes
    offset: int
    frame_bytes: int


class FoundPart(msgspec.Struct, frozen=True, gc=False):
    """A part of a manifest that could be read: what its head says."""

    resource_arn: str
    seq: int
    point_uid: str
    edition: int
    part: int
    is_last: bool
    is_full: bool
    base_seq: int
    vault_name: str
    completed_us: int


class FoundRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that could be read; as the row of `records` in the catalog, and its content."""

    kind: str
    subject: str
    resource_arn: str | None
    number: int
    since_us: int
    content: bytes


class FoundManifest(msgspec.Struct, frozen=True, gc=False):
    """A manifest, as far as its parts were found."""

    seq: int
    point_uid: str
    edition: int
    completed_us: int
    is_full: int
    base_seq: int
    parts: int
    parts_wanted: int
    """0 where the last part is not there."""

    @property
    def is_whole(self) -> bool:
        return self.parts == self.parts_wanted


class FoundSeries(msgspec.Struct, frozen=True, gc=False):
    """A source that manifests or deletions tell of."""

    resource_arn: str
    last_seq: int
    """The highest seq that anything in the packs mentions."""


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A recovery point that the new catalog gets, in the order in which the points were made (`order_us`)."""

    order_us: int
    vault_uid: bytes
    resource_arn: str
    seq: int
    point_uid: str
    edition: int
    completed_us: int
    is_full: int
    is_kept: int


class Findings:
    """The database of findings at `path`, empty at first. Raises Unavailable where the disk refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with translated(path):
            make_private(path)
            self._connection = apsw.Connection(str(path))
            self._tx = SqliteTx(self._connection)
            self._do(_PRAGMAS)
            for table in _TABLES:
                self._do(_SQL[table])

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Until the end of this block everything is one transaction, for speed."""
        self._do("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection.in_transaction:
            self._do("COMMIT")

    def add_pack(self, vault_uid: bytes, pack: FoundPack) -> None:
        """A pack; its frames have been added before."""
        params = {"uid": pack.uid, "vault_uid": vault_uid, "bytes": pack.total_bytes, "old_key": pack.old_key}
        self._run("insert_pack", params)

    def add_frames(self, vault_uid: bytes, places: Sequence[Place]) -> None:
        """Frames of chunks whose ids are not known yet and differ from each other."""
        rows = [(vault_uid, p.frame_id, p.raw_bytes, p.pack, p.offset, p.frame_bytes) for p in places]
        columns = ("vault_uid", "frame_id", "raw_bytes", "pack_uid", "frame_offset", "frame_bytes")
        with translated(self._path):
            self._tx.insert("frames", columns, rows)

    def find_frames(self, vault_uid: bytes, frame_ids: Sequence[bytes]) -> dict[bytes, Place]:
        """Those of the chunks that were found, by id."""
        with translated(self._path):
            rows = self._tx.all_of(_SQL["find_frames"], frame_ids, {"vault_uid": vault_uid})
        return {row[0]: Place(*row) for row in rows}

    def move_frame(self, vault_uid: bytes, place: Place) -> None:
        """Another frame of a chunk that is known counts from now on."""
        self._run("move_frame", {"vault_uid": vault_uid, **_placed(place)})

    def add_part(self, vault_uid: bytes, part: FoundPart, place: Place) -> None:
        """A part of a manifest; a copy of one that is known changes nothing."""
        self._run("insert_part", {"vault_uid": vault_uid, **msgspec.structs.asdict(part), **_placed(place)})

    def add_record(self, vault_uid: bytes, record: FoundRecord, place: Place) -> None:
        """A record; of several about one vault the latest counts."""
        params = {"vault_uid": vault_uid, **msgspec.structs.asdict(record), **_placed(place)}
        del params["raw_bytes"]
        self._run("insert_record", params)

    def add_replaced(self, vault_uid: bytes, frame_ids: Sequence[bytes]) -> None:
        """Manifest parts that another manifest, written anew, stands for."""
        for frame_id in frame_ids:
            self._run("insert_replaced", {"vault_uid": vault_uid, "frame_id": frame_id})

    def is_superseded(self, vault_uid: bytes, frame_id: bytes) -> bool:
        """Whether nothing is missed where that frame of a manifest or record cannot be read: others say the same."""
        return bool(self._all("is_superseded", {"vault_uid": vault_uid, "frame_id": frame_id}))

    def vaults(self) -> list[bytes]:
        """The uids of all vaults that have packs."""
        return [row[0] for row in self._all("vaults", {})]

    def packs(self, vault_uid: bytes) -> Iterator[FoundPack]:
        """The vault's packs."""
        after = b""
        while rows := self._all("packs_page", {"vault_uid": vault_uid, "after": after, "limit": _PAGE}):
            yield from (FoundPack(*row) for row in rows)
            after = rows[-1][0]

    def vault_record(self, vault_uid: bytes) -> bytes | None:
        """The content of the vault's latest record."""
        rows = self._all("vault_record", {"vault_uid": vault_uid})
        return rows[0][0] if rows else None

    def vault_name(self, vault_uid: bytes) -> str | None:
        """What the vault's latest manifest calls it."""
        rows = self._all("vault_name", {"vault_uid": vault_uid})
        return str(rows[0][0]) if rows else None

    def records(self, vault_uid: bytes, *, deletions: bool) -> Iterator[tuple[FoundRecord, Place]]:
        """The vault's own record, or (`deletions`) those of its recovery points that are gone."""
        key = {"vault_uid": vault_uid, "kind": DELETION if deletions else VAULT, "limit": _PAGE}
        after: object = None
        while rows := self._all("records_page", {**key, "after": after}):
            yield from (_record(row) for row in rows)
            after = rows[-1][1]

    def series(self, vault_uid: bytes) -> list[FoundSeries]:
        """The sources that have, or had, recovery points in the vault."""
        rows = self._all("series", {"vault_uid": vault_uid})
        return [FoundSeries(arn, max(seq, base_seq)) for arn, seq, base_seq in rows]

    def manifests(self, vault_uid: bytes, resource_arn: str) -> list[FoundManifest]:
        """All manifests of a series, whole or not, in order of seq and edition."""
        rows = self._all("manifests", {"vault_uid": vault_uid, "resource_arn": resource_arn})
        return [FoundManifest(*row) for row in rows]

    def deletions(self, vault_uid: bytes, resource_arn: str) -> set[str]:
        """The UUIDs of the recovery points of a series that are gone."""
        rows = self._all("deletions", {"vault_uid": vault_uid, "resource_arn": resource_arn})
        return {str(row[0]) for row in rows}

    def plan(self, planned: Planned) -> None:
        """A recovery point that the new catalog is to have."""
        self._run("insert_plan", msgspec.structs.asdict(planned))

    def planned(self) -> Iterator[Planned]:
        """All recovery points of the new catalog, those that were made first first."""
        after: Row = (-(2**63), b"", "", 0)
        while rows := self._all(
            "plan_page",
            {
                "order_us": after[0],
                "vault_uid": after[1],
                "resource_arn": after[2],
                "seq": after[3],
                "limit": _PAGE,
            },
        ):
            yield from (Planned(*row) for row in rows)
            after = rows[-1][:4]

    def parts_of(self, planned: Planned) -> list[Place]:
        """Where the parts of its manifest are, in order."""
        key = msgspec.structs.asdict(planned)
        del key["order_us"], key["is_kept"]
        return [Place(*row) for row in self._all("parts_of", key)]

    def _all(self, statement: str, params: dict[str, object]) -> list[Row]:
        with translated(self._path):
            return self._tx.all(_SQL[statement], params)

    def _run(self, statement: str, params: dict[str, object]) -> None:
        with translated(self._path):
            self._tx.run(_SQL[statement], params)

    def _do(self, statements: str) -> None:
        with translated(self._path):
            for _ in self._connection.execute(statements):
                pass


def _placed(place: Place) -> dict[str, object]:
    return {
        "frame_id": place.frame_id,
        "raw_bytes": place.raw_bytes,
        "pack_uid": place.pack,
        "frame_offset": place.offset,
        "frame_bytes": place.frame_bytes,
    }


def _record(row: Row) -> tuple[FoundRecord, Place]:
    content, (frame_id, pack, offset, frame_bytes) = row[5], row[6:]
    return FoundRecord(*row[:6]), Place(frame_id, len(content), pack, offset, frame_bytes)

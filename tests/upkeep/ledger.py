"""The catalog's functions as a backup job uses them, on a real catalog; one vault."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from holdfast.catalog import backup_jobs, chunk_index, leases, objects, packs, recovery_points, sweep, vaults
from holdfast.catalog.backup_jobs import BackupJobRow, NewBackupJob
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.objects import ObjectRow, PageFilter, View
from holdfast.catalog.port import Catalog
from holdfast.catalog.recovery_points import NewRecoveryPoint
from holdfast.catalog.sweep import Batch
from holdfast.catalog.transaction import Tx
from holdfast.catalog.vaults import VaultRow
from holdfast.model.job import BackupJobState

R = TypeVar("R")
NOW = 1_800_000_000_000_000
LEASE = 3_600_000_000


@dataclass(frozen=True)
class Seen:
    """What a reader sees of an object: its mark, and how many of its chunk references stand."""

    mark: bytes
    references: int


class Ledger:
    """A catalog and the few things that tests do to it again and again."""

    def __init__(self, catalog: Catalog, first_number: int = 1) -> None:
        self.catalog = catalog
        self.numbers = itertools.count(first_number)
        self.vault_no, self.chunk_no = self.write(self._found)

    def write(self, step: Callable[[Tx], R]) -> R:
        [outcome] = self.catalog.run([step])
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]

    def fetch(self, statement: str) -> list[tuple[object, ...]]:
        with self.catalog.snapshot() as tx:
            return tx.all(statement, {})

    def start(self, source: str) -> BackupJobRow:
        uid = f"job-{next(self.numbers)}"
        job = NewBackupJob(
            uid=uid,
            point_uid=f"point-of-{uid}",
            vault_no=self.vault_no,
            resource_arn=f"arn:aws:holdfast:local:000000000000:source/{source}",
            role_arn="arn:aws:iam::000000000000:role/r",
            idempotency_token=None,
            options="{}",
            now_us=NOW,
            lease_us=LEASE,
        )
        self.write(lambda tx: backup_jobs.start(tx, job))
        return self.job(uid)

    def job(self, uid: str) -> BackupJobRow:
        with self.catalog.snapshot() as tx:
            found = backup_jobs.find(tx, uid)
        assert found is not None
        return found

    def put(self, view: View, name: str, references: int) -> bytes:
        """A whole object in one transaction; its mark."""

        def step(tx: Tx) -> bytes:
            row = self._row(objects.take_numbers(tx, 1)[0], name, references)
            objects.retire(tx, view, [name])
            objects.insert_whole(tx, view, [row])
            self._refer(tx, view, row.object_no, references)
            return row.sealed_checksum

        return self.write(step)

    def upload(self, view: View, name: str, references: int) -> int:
        """An open upload with some chunks; its number."""

        def step(tx: Tx) -> int:
            object_no = objects.insert_upload(tx, view, name, False)
            self._refer(tx, view, object_no, references)
            return object_no

        return self.write(step)

    def complete(self, view: View, object_no: int, name: str, references: int) -> bytes:
        def step(tx: Tx) -> bytes:
            row = self._row(object_no, name, references)
            objects.retire(tx, view, [name])
            objects.complete(tx, view, row)
            return row.sealed_checksum

        return self.write(step)

    def delete(self, view: View, name: str) -> bool:
        return self.write(lambda tx: objects.delete(tx, view, name))

    def commit(self, job: BackupJobRow, *, drop_deletions: bool = True) -> str:
        """As a commit does it, in one transaction; the UUID of the recovery point."""

        def step(tx: Tx) -> str:
            view = view_of(job)
            base = recovery_points.find_at(tx, job.series_no, job.base_seq)
            change = objects.count_change(tx, view)
            objects.drop_open(tx, job.job_no)
            objects.close(tx, view)
            assert backup_jobs.move(tx, job.job_no, BackupJobState.COMPLETED, None, NOW)
            point = NewRecoveryPoint(
                uid=job.point_uid,
                series_no=job.series_no,
                seq=job.seq,
                job_no=job.job_no,
                object_count=(base.object_count if base else 0) + change.objects,
                total_bytes=(base.total_bytes if base else 0) + change.total_bytes,
                created_us=NOW,
                completed_us=NOW,
            )
            recovery_points.insert(tx, point, [self.chunk_no])
            if drop_deletions:
                backup_jobs.drop_deletions(tx, job.job_no)
            return point.uid

        return self.write(step)

    def abort(self, job: BackupJobRow) -> None:
        assert self.write(lambda tx: leases.abandon(tx, job, BackupJobState.ABORTED, "stopped", NOW))

    def delete_point(self, uid: str) -> None:
        def step(tx: Tx) -> None:
            point = recovery_points.find(tx, uid)
            assert point is not None
            assert recovery_points.delete(tx, point)

        self.write(step)

    def sweep(self, batch: Batch) -> bool:
        """One piece of the first sweep that has work; False if none has."""
        return any(self.write(lambda tx, one=one: one(tx, batch)) for one in sweep.SWEEPS)

    def listing(self, view: View, page_size: int = 100) -> dict[str, Seen]:
        """The whole view, read in pages."""
        seen: dict[str, Seen] = {}
        with self.catalog.snapshot() as tx:
            after = ""
            while rows := objects.page(tx, view, PageFilter(after=after), page_size):
                assert sorted(row.name for row in rows) == [row.name for row in rows]
                for row in rows:
                    assert row.name not in seen
                    chunks = chunk_index.page(tx, row.object_no, -1, 1000)
                    seen[row.name] = Seen(row.sealed_checksum, len(chunks))
                after = rows[-1].name
        return seen

    def point_view(self, uid: str) -> View:
        with self.catalog.snapshot() as tx:
            point = recovery_points.find(tx, uid)
        assert point is not None
        return View(point.series_no, point.seq)

    def _found(self, tx: Tx) -> tuple[int, int]:
        if vaults.find(tx, "default") is None:
            vaults.insert(tx, VaultRow(0, b"v" * 16, "default", None, None, NOW))
            packs.register(tx, b"v" * 16, b"p" * 16, 0)
        vault_no = vaults.get(tx, "default").vault_no
        chunk = NewChunk(b"c" * 32, b"d" * 32, 10, b"p" * 16, 0, 100)
        [chunk_no] = chunk_index.record(tx, vault_no, [chunk])
        if not tx.all("SELECT 1 FROM records"):
            # Something refers to it whatever else goes.
            columns = ("vault_no", "kind", "subject", "number", "since_us", "chunk_no")
            tx.insert("records", columns, [(vault_no, "VAULT", "", 1, NOW, chunk_no)])
        return vault_no, chunk_no

    def _refer(self, tx: Tx, view: View, object_no: int, references: int) -> None:
        """The first chunk is the object's own, the others are everybody's."""
        if not references:
            return
        own = NewChunk(object_no.to_bytes(32, "big"), b"d" * 32, 10, b"p" * 16, object_no * 100, 100)
        [own_no] = chunk_index.record(tx, self.vault_no, [own])
        numbers = [own_no, *[self.chunk_no] * (references - 1)]
        chunk_index.refer(tx, view.series_no, [(object_no, index * 7, number) for index, number in enumerate(numbers)])

    def _row(self, object_no: int, name: str, references: int) -> ObjectRow:
        mark = next(self.numbers).to_bytes(8, "big")
        return ObjectRow(object_no, name, NOW, references, 10 * references, mark, None, None, None)


def view_of(job: BackupJobRow) -> View:
    return View(job.series_no, job.base_seq, own=job.seq, job_no=job.job_no)

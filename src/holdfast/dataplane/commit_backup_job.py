"""CommitBackupJob: makes the job's view a recovery point, atomically; costs what the job changed (contract 3.7).

Three steps, each safe to be the last one before a power cut: the job becomes COMMITTING, so that nobody writes to it
any more; all parts of its manifest but the last are sealed into packs; the last part goes with one transaction that
ends what was replaced, adds the recovery point and completes the job. A commit that was cut short is simply made again,
with a manifest of the next edition. Should one have got as far as its last part and not have happened, and the job be
given up, then the record of that (catalog/leases.py) keeps the manifest from being taken for a recovery point.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.catalog import backup_jobs, leases, manifests, objects, recovery_points
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.recovery_points import NewRecoveryPoint, RecoveryPointRow
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location
from holdfast.dataplane.intake import VaultRef
from holdfast.dataplane.job_refs import own_view, vault_of
from holdfast.dataplane.store import Store
from holdfast.model.arn import recovery_point_arn
from holdfast.model.errors import HoldfastError, InvalidState, NotFound
from holdfast.model.job import BackupJobState
from holdfast.packfile import manifest
from holdfast.packfile.layout import Kind
from holdfast.packfile.manifest import FORMAT_VERSION, ManifestHead, ManifestPart
from holdfast.records import manifest_parts
from holdfast.records.sealing import record_content, seal_content

Answer = Mapping[str, object]


@dataclass(slots=True)
class Committer:
    """Commits jobs of one store, each by one caller at a time."""

    store: Store
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _busy: dict[str, tuple[threading.Lock, int]] = field(default_factory=dict)

    def commit_backup_job(self, params: Mapping[str, object]) -> Answer:
        """The recovery point's ARN, its number of objects and their bytes. Said again, it is the same answer.

        Raises InvalidState while uploads are open, unless DropOpenUploads is set.
        """
        job_id = str(params["BackupJobId"])
        drop_open = bool(params.get("DropOpenUploads", False))
        vault = vault_of(self.store, job_id)
        with self._alone(job_id):
            done = self._already_done(job_id)
            if done is not None:
                return _answer(done)
            job = self._begin(job_id, drop_open)
            if job.state is BackupJobState.COMPLETED and (done := self._already_done(job_id)) is not None:
                # By another node, since the look above.
                return _answer(done)
            try:
                return _answer(self._seal_and_finish(vault, job))
            except HoldfastError as trouble:
                return _answer(self._after_trouble(job, trouble))

    @contextmanager
    def _alone(self, job_id: str) -> Iterator[None]:
        """A second caller waits for the first and then finds the job completed."""
        with self._guard:
            lock, users = self._busy.get(job_id, (threading.Lock(), 0))
            self._busy[job_id] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                _, users = self._busy.pop(job_id)
                if users > 1:
                    self._busy[job_id] = (lock, users - 1)

    def _already_done(self, job_id: str) -> RecoveryPointRow | None:
        with self.store.catalog.snapshot() as tx:
            job = leases.backup_job(tx, job_id)
            if job.state is not BackupJobState.COMPLETED:
                return None
            point = recovery_points.find(tx, job.point_uid)
        if point is None:
            raise NotFound(f"backup job {job_id} was committed, and its recovery point has been deleted since")
        return point

    def _begin(self, job_id: str, drop_open: bool) -> BackupJobRow:
        now_us = self.store.clock.now_us()

        def step(tx: Tx, _: object) -> BackupJobRow:
            job = leases.backup_job(tx, job_id)
            if job.state is BackupJobState.COMPLETED:
                return job
            # Whoever began a commit of a COMMITTING job did not live to end it, or is at it at another node: this one,
            # of a later edition, counts from here on.
            if job.state is not BackupJobState.COMMITTING:
                leases.require_running(tx, job_id, now_us)
                _settle_uploads(tx, job, drop_open)
                backup_jobs.move(tx, job.job_no, BackupJobState.COMMITTING, None, None)
            backup_jobs.touch(tx, job.job_no, now_us)
            manifests.begin(tx, job.job_no)
            return leases.backup_job(tx, job_id)

        return self.store.commits.submit((), step)

    def _seal_and_finish(self, vault: VaultRef, job: BackupJobRow) -> RecoveryPointRow:
        head = _head(job, self.store.clock.now_us())
        for part in manifest_parts.changed(self.store.catalog, vault.keys, vault.vault_no, own_view(job), head):
            if part.head.is_last:
                return self._finish(vault, job, part)
            self._draft(vault, job, part)
        raise AssertionError("a manifest has no last part")

    def _draft(self, vault: VaultRef, job: BackupJobRow, part: ManifestPart) -> None:
        content = seal_content(self.store.chunks, vault.keys, manifest.encode(part), Kind.MANIFEST)
        # A large manifest may take longer than a short lease.
        now_us = self.store.clock.now_us()

        def step(tx: Tx, places: Sequence[Location]) -> None:
            _require_committing(tx, job)
            leases.renew(tx, job.uid, now_us)
            chunk_no = record_content(tx, vault.vault_no, vault.keys, content, places[0])
            manifests.add_draft(tx, job.job_no, part.head.part, chunk_no)

        self.store.commits.submit([content.frame], step)

    def _finish(self, vault: VaultRef, job: BackupJobRow, last: ManifestPart) -> RecoveryPointRow:
        content = seal_content(self.store.chunks, vault.keys, manifest.encode(last), Kind.MANIFEST)
        completed_us = last.head.completed_us

        def step(tx: Tx, places: Sequence[Location]) -> RecoveryPointRow:
            _require_committing(tx, job)
            view = own_view(job)
            base = recovery_points.find_at(tx, job.series_no, job.base_seq) if job.base_seq else None
            change = objects.count_change(tx, view)
            objects.close(tx, view)
            backup_jobs.move(tx, job.job_no, BackupJobState.COMPLETED, None, completed_us)
            point = NewRecoveryPoint(
                uid=job.point_uid,
                series_no=job.series_no,
                seq=job.seq,
                job_no=job.job_no,
                object_count=change.objects + (base.object_count if base else 0),
                total_bytes=change.total_bytes + (base.total_bytes if base else 0),
                created_us=job.created_us,
                completed_us=completed_us,
            )
            parts = manifests.take_drafts(tx, job.job_no)
            assert len(parts) == last.head.part
            parts.append(record_content(tx, vault.vault_no, vault.keys, content, places[0]))
            recovery_points.insert(tx, point, parts)
            recovery_points.settle(tx, job.series_no)
            kept = recovery_points.find(tx, job.point_uid)
            assert kept is not None
            return kept

        return self.store.commits.submit([content.frame], step)

    def _after_trouble(self, job: BackupJobRow, trouble: HoldfastError) -> RecoveryPointRow:
        """The job can be written to and committed again after a failure on our side, which is raised.

        Unless another caller, at another node, began the same commit in the meantime: then that one counts.
        """

        def step(tx: Tx, _: object) -> BackupJobRow:
            now = leases.backup_job(tx, job.uid)
            if now.edition == job.edition:
                backup_jobs.move(tx, job.job_no, BackupJobState.RUNNING, None, None)
            return now

        try:
            now = self.store.commits.submit((), step)
        except HoldfastError:
            # The disk refuses even this. The job stays COMMITTING, which the next commit takes up just as well.
            raise trouble from None
        done = self._already_done(job.uid) if now.state is BackupJobState.COMPLETED else None
        if done is not None:
            return done
        raise trouble


def _require_committing(tx: Tx, job: BackupJobRow) -> None:
    """Raises Transient where another commit of the job has overtaken this one, InvalidState where the job was ended.

    In this order: a commit that overtook this one and failed has left the job RUNNING, and this one may try again.
    """
    manifests.require_edition(tx, job.job_no, job.edition)
    still = leases.backup_job(tx, job.uid)
    if still.state is not BackupJobState.COMMITTING:
        raise InvalidState(f"backup job {job.uid} became {still.state.wire} while it was being committed")


def _head(job: BackupJobRow, completed_us: int) -> ManifestHead:
    return ManifestHead(
        version=FORMAT_VERSION,
        vault_uid=job.vault_uid,
        vault_name=job.vault_name,
        resource_arn=job.resource_arn,
        point_uid=job.point_uid,
        seq=job.seq,
        base_seq=job.base_seq,
        job_uid=job.uid,
        role_arn=job.role_arn,
        options=job.options,
        created_us=job.created_us,
        completed_us=completed_us,
        part=0,
        is_last=False,
        edition=job.edition,
    )


def _settle_uploads(tx: Tx, job: BackupJobRow, drop_open: bool) -> None:
    still_open = objects.count_open(tx, job.job_no)
    if still_open and not drop_open:
        raise InvalidState(
            f"backup job {job.uid} has {still_open} open uploads: complete them with NotifyObjectComplete,"
            " or commit with DropOpenUploads"
        )
    objects.drop_open(tx, job.job_no)


def _answer(point: RecoveryPointRow) -> Answer:
    return {
        "RecoveryPointArn": recovery_point_arn(point.uid),
        "ObjectCount": point.object_count,
        "Bytes": point.total_bytes,
    }

"""Writes anew, from the catalog, what the packs say of recovery points and vaults, where a frame of it is damaged.

A manifest says what changed against a base. What the base held the catalog no longer knows once points in between are
swept, so it is written anew in full: everything that its view holds. Newer points that build on it are told by that as
well as before (docs/design/rebuild.md). What is always true here: the old manifest counts until the new one is whole.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from holdfast.catalog import backup_jobs, manifests, records, recovery_points
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.objects import View
from holdfast.catalog.recovery_points import RecoveryPointRow
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.purpose import Purpose
from holdfast.packfile import manifest
from holdfast.packfile.layout import Kind
from holdfast.packfile.manifest import FORMAT_VERSION, ManifestHead, ManifestPart
from holdfast.records import manifest_parts
from holdfast.records.engines import Engines
from holdfast.records.recorder import Recorder
from holdfast.records.sealing import record_content, seal_content

_WITH_MANIFEST = ("KEPT", "DELETED", "SWEPT")


class Resealer:
    """Stateless but for the engines. Of two that write one manifest anew the later one wins, the other is refused."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._recorder = Recorder(engines)

    def manifest(self, point_uid: str) -> bool:
        """Writes the manifest of a recovery point anew; False if the point needs none any more.

        A deleted point that newer ones build on needs it as much as a kept one. Raises Transient if somebody else
        began the same meanwhile, Damaged where the catalog itself lost what it takes, Unavailable, UnusableKey.
        """
        begun = self._engines.commits.submit((), lambda tx, _: _begin(tx, point_uid))
        if begun is None:
            return False
        point, job = begun
        keys = self._engines.keys.open(point.vault_uid)
        head = _head(point, job)
        view = View(point.series_no, point.seq)
        for part in manifest_parts.whole(self._engines.catalog, keys, point.vault_no, view, head):
            if part.head.is_last:
                return self._finish(keys, point, job, part)
            self._draft(keys, point, job, part)
        raise AssertionError("a manifest has no last part")

    def record(self, chunk_no: int) -> bool:
        """Writes the record anew that stands in the frame of that chunk; False if there is none."""

        def owe(tx: Tx, _: object) -> bool:
            return records.owe_again(tx, chunk_no)

        return self._engines.commits.submit((), owe, purpose=Purpose.FREE) and self._recorder.settle()

    def _draft(self, keys: VaultKeys, point: RecoveryPointRow, job: BackupJobRow, part: ManifestPart) -> None:
        content = seal_content(self._engines.chunks, keys, manifest.encode(part), Kind.MANIFEST)

        def step(tx: Tx, places: Sequence[Location]) -> None:
            manifests.require_edition(tx, job.job_no, job.edition)
            chunk_no = record_content(tx, point.vault_no, keys, content, places[0])
            manifests.add_draft(tx, job.job_no, part.head.part, chunk_no)

        self._engines.commits.submit([content.frame], step)

    def _finish(self, keys: VaultKeys, point: RecoveryPointRow, job: BackupJobRow, last: ManifestPart) -> bool:
        with self._engines.catalog.snapshot() as tx:
            former = manifests.frame_ids(tx, point.point_no)
        last = replace(last, replaces=former)
        content = seal_content(self._engines.chunks, keys, manifest.encode(last), Kind.MANIFEST)

        def step(tx: Tx, places: Sequence[Location]) -> bool:
            manifests.require_edition(tx, job.job_no, job.edition)
            now = recovery_points.find_any(tx, point.uid)
            if now is None or now.state not in _WITH_MANIFEST:
                # It died while it was being written anew.
                manifests.drop_drafts(tx, job.job_no)
                return False
            parts = manifests.take_drafts(tx, job.job_no)
            assert len(parts) == last.head.part
            parts.append(record_content(tx, point.vault_no, keys, content, places[0]))
            manifests.replace(tx, point.point_no, parts)
            return True

        return self._engines.commits.submit([content.frame], step)


def _begin(tx: Tx, point_uid: str) -> tuple[RecoveryPointRow, BackupJobRow] | None:
    point = recovery_points.find_any(tx, point_uid)
    if point is None or point.state not in _WITH_MANIFEST:
        return None
    job = backup_jobs.find(tx, point.job_uid)
    assert job is not None
    manifests.begin(tx, job.job_no)
    job = backup_jobs.find(tx, point.job_uid)
    assert job is not None
    return point, job


def _head(point: RecoveryPointRow, job: BackupJobRow) -> ManifestHead:
    return ManifestHead(
        version=FORMAT_VERSION,
        vault_uid=point.vault_uid,
        vault_name=point.vault_name,
        resource_arn=point.resource_arn,
        point_uid=point.uid,
        seq=point.seq,
        base_seq=job.base_seq,
        job_uid=job.uid,
        role_arn=job.role_arn,
        options=job.options,
        created_us=point.created_us,
        completed_us=point.completed_us,
        part=0,
        is_last=False,
        edition=job.edition,
    )

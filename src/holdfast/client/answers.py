"""What the operations answer, as values; wire names are the Pascal-case forms of these.

Members that the service may leave out have a default, and members that a later service adds are ignored. Dates are
seconds since 1970 (UTC) with a fraction; sizes are bytes; checksums are base64 as on the wire.
"""

import msgspec

from holdfast.wire.message import Buffer


class Answer(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """Root of all answers."""


class Nothing(Answer, frozen=True):
    """An answer whose members do not matter."""


class Vault(Answer, frozen=True):
    """CreateBackupVault, DescribeBackupVault, and an item of ListBackupVaults."""

    backup_vault_name: str
    backup_vault_arn: str
    creation_date: float | None = None
    number_of_recovery_points: int | None = None


class BackupJobStarted(Answer, frozen=True):
    """StartBackupJob."""

    backup_job_id: str
    creation_date: float | None = None


class BackupJob(Answer, frozen=True):
    """DescribeBackupJob, and an item of ListBackupJobs."""

    backup_job_id: str
    state: str
    backup_vault_name: str | None = None
    resource_arn: str | None = None
    recovery_point_arn: str | None = None
    creation_date: float | None = None
    completion_date: float | None = None
    start_by: float | None = None
    status_message: str | None = None
    backup_size_in_bytes: int | None = None
    bytes_transferred: int | None = None


class RestoreJobStarted(Answer, frozen=True):
    """StartRestoreJob."""

    restore_job_id: str


class RestoreJob(Answer, frozen=True):
    """DescribeRestoreJob."""

    restore_job_id: str
    status: str
    recovery_point_arn: str | None = None
    source_resource_arn: str | None = None
    creation_date: float | None = None
    completion_date: float | None = None
    status_message: str | None = None


class RecoveryPoint(Answer, frozen=True):
    """DescribeRecoveryPoint, and an item of both lists of recovery points; which members are there depends on which."""

    recovery_point_arn: str
    backup_vault_name: str | None = None
    resource_arn: str | None = None
    creation_date: float | None = None
    completion_date: float | None = None
    status: str | None = None
    status_message: str | None = None
    backup_size_in_bytes: int | None = None
    backup_size_bytes: int | None = None
    """The same, as ListRecoveryPointsByResource spells it."""

    @property
    def size(self) -> int | None:
        """The bytes of its objects, by whichever name it came."""
        return self.backup_size_in_bytes if self.backup_size_in_bytes is not None else self.backup_size_bytes


class Committed(Answer, frozen=True):
    """CommitBackupJob."""

    recovery_point_arn: str
    object_count: int
    bytes: int


class IncrementalBase(Answer, frozen=True):
    """GetIncrementalBaseBackup; None where the job has no base."""

    recovery_point_arn: str | None = None


class VaultKeyRotated(Answer, frozen=True):
    """RotateVaultKey; `packs` is how many are due to be sealed anew."""

    key_number: int
    packs: int


class VaultKeysDestroyed(Answer, frozen=True):
    """DestroyVaultKeys; how many vaults lost their keys."""

    vaults: int


class Damage(Answer, frozen=True):
    """A chunk of an object that cannot be read; `chunk_index` is -1 for the metadata blob."""

    recovery_point_arn: str
    resource_arn: str
    object_name: str
    chunk_index: int
    reason: str


class DamagedManifest(Answer, frozen=True):
    """A recovery point whose manifest cannot be read; `kept` is false for one that was deleted."""

    recovery_point_arn: str
    resource_arn: str
    kept: bool
    reason: str


class DamagedRecord(Answer, frozen=True):
    """A record of a vault that cannot be read."""

    backup_vault_name: str
    kind: str
    subject: str
    reason: str


class VerificationSlice(Answer, frozen=True):
    """VerifyStore; counts are of this slice alone, `total_bytes` is an estimate for all of them."""

    checked_chunks: int
    checked_bytes: int
    total_bytes: int
    damaged_chunks: int
    repaired_chunks: int
    resealed_manifests: int
    damages: list[Damage]
    damaged_manifests: list[DamagedManifest]
    damaged_records: list[DamagedRecord]
    parity_added: int
    packs_without_parity: int
    next_token: str | None = None


class CollectedPack(Answer, frozen=True):
    """A pack that a dry run of CollectGarbage would compact."""

    pack_id: str
    reason: str
    stored_bytes: int
    dead_bytes: int


class OpenJob(Answer, frozen=True):
    """A backup job that has not ended, with the bytes of what it has put so far."""

    backup_job_id: str
    resource_arn: str
    backup_vault_name: str
    bytes: int


class Collected(Answer, frozen=True):
    """CollectGarbage: what one call did, or in a dry run would do; sizes in bytes."""

    stored_bytes: int
    dead_bytes: int
    done: bool
    swept_objects: int = 0
    deleted_chunks: int = 0
    removed_packs: int = 0
    freed_bytes: int = 0
    compacted_packs: int = 0
    copied_bytes: int = 0
    damaged_frames: int = 0
    sweep_pending: bool | None = None
    packs: list[CollectedPack] | None = None
    open_jobs: list[OpenJob] | None = None
    hold: str | None = None


class UploadStarted(Answer, frozen=True):
    """StartObject."""

    upload_id: str


class ObjectStored(Answer, frozen=True):
    """PutObject and NotifyObjectComplete; PutObject adds the checksum of its chunk."""

    object_checksum: str | None = None
    object_checksum_algorithm: str | None = None
    inline_chunk_checksum: str | None = None
    inline_chunk_checksum_algorithm: str | None = None


class ChunkStored(Answer, frozen=True):
    """PutChunk."""

    chunk_checksum: str | None = None
    chunk_checksum_algorithm: str | None = None
    body_sent: bool = True
    """False if the service held the chunk already and its bytes never travelled; not part of the answer itself."""


class Counted(Answer, frozen=True):
    """PutObjects and DeleteObjects."""

    count: int


class ScannedObject(Answer, frozen=True):
    """An item of ScanObjects; `bytes` is the sum of its chunk lengths."""

    name: str
    object_checksum: str
    object_token: str
    chunks_count: int
    bytes: int
    metadata_string: str | None = None
    metadata_blob_length: int | None = None
    damaged: bool = False
    """Whether stored bytes of it are known to be damaged: sending the same data once more heals it."""


class ObjectPage(Answer, frozen=True):
    """One page of ScanObjects."""

    object_list: list[ScannedObject]
    next_token: str | None = None


class ListedChunk(Answer, frozen=True):
    """An item of ListChunks."""

    index: int
    length: int
    checksum: str
    chunk_token: str
    checksum_algorithm: str | None = None


class ChunkPage(Answer, frozen=True):
    """One page of ListChunks."""

    chunk_list: list[ListedChunk]
    next_token: str | None = None


class VaultPage(Answer, frozen=True):
    """One page of ListBackupVaults."""

    backup_vault_list: list[Vault]
    next_token: str | None = None


class BackupJobPage(Answer, frozen=True):
    """One page of ListBackupJobs."""

    backup_jobs: list[BackupJob]
    next_token: str | None = None


class RecoveryPointPage(Answer, frozen=True):
    """One page of either list of recovery points."""

    recovery_points: list[RecoveryPoint]
    next_token: str | None = None


class ObjectMetadata(msgspec.Struct, frozen=True):
    """GetObjectMetadata; None for what the object does not have."""

    metadata_string: str | None
    metadata_blob: Buffer | None

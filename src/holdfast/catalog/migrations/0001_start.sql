-- The first catalog.
--
-- Views are version intervals. Each series (one source in one vault) counts its jobs: seq 1, 2, 3, ... never used twice.
-- An object written by the job with seq n has from_seq = n. A commit closes what it replaced or deleted: to_seq = n.
-- An object is in the view of seq t exactly when
--
--     from_seq <= t  and from_seq is not dead,  and  (to_seq > t  or to_seq is dead)
--
-- where the dead seqs of a series are those of aborted and expired jobs and of deleted newest recovery points, until the
-- sweep has removed their rows. So starting a job writes one row, and a commit writes as many as the job changed.
--
-- Times are microseconds since 1970 (UTC). Digests are never stored plain: see keys.ring (seal_digest).

CREATE TABLE vaults (
    vault_no INTEGER PRIMARY KEY,
    uid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    creator_request_id TEXT,
    encryption_key_arn TEXT,
    created_us INTEGER NOT NULL,
    -- What a caller asked for and nothing enforces yet (tags), as JSON.
    options TEXT NOT NULL,
    -- When the vault was deleted. Its row stays: what it held is swept, and its packs and keys stay explained.
    retired_us INTEGER
);
CREATE UNIQUE INDEX vaults_by_name ON vaults (name) WHERE retired_us IS NULL;

CREATE TABLE series (
    series_no INTEGER PRIMARY KEY,
    vault_no INTEGER NOT NULL REFERENCES vaults,
    resource_arn TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    UNIQUE (vault_no, resource_arn)
);

CREATE TABLE dead_seqs (
    series_no INTEGER NOT NULL REFERENCES series,
    seq INTEGER NOT NULL,
    PRIMARY KEY (series_no, seq)
);

CREATE TABLE backup_jobs (
    job_no INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    series_no INTEGER NOT NULL REFERENCES series,
    seq INTEGER NOT NULL,
    -- The recovery point that the job builds on; 0 for none.
    base_seq INTEGER NOT NULL,
    point_uid TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT,
    role_arn TEXT NOT NULL,
    idempotency_token TEXT,
    options TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    touched_us INTEGER NOT NULL,
    lease_us INTEGER NOT NULL,
    finished_us INTEGER,
    -- 1 once the job has ended and its deletions, dropped uploads and replaced objects are removed.
    swept INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX backup_jobs_unswept ON backup_jobs (job_no) WHERE swept = 0;
CREATE UNIQUE INDEX backup_jobs_running ON backup_jobs (series_no) WHERE state IN ('RUNNING', 'COMMITTING');
CREATE UNIQUE INDEX backup_jobs_by_token ON backup_jobs (idempotency_token) WHERE idempotency_token IS NOT NULL;
CREATE INDEX backup_jobs_by_series ON backup_jobs (series_no, seq);

-- Names that a running job removed from its base; read once more at commit, then dropped.
CREATE TABLE deletions (
    job_no INTEGER NOT NULL REFERENCES backup_jobs,
    name TEXT NOT NULL,
    PRIMARY KEY (job_no, name)
) WITHOUT ROWID;

CREATE TABLE recovery_points (
    point_no INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    series_no INTEGER NOT NULL REFERENCES series,
    seq INTEGER NOT NULL,
    job_no INTEGER NOT NULL REFERENCES backup_jobs,
    -- KEPT; DELETED while its rows wait for the sweep or a running job still builds on it; SWEPT when a newer point is kept
    -- and the rows that only this one saw are removed (its manifest stays: newer ones build on it); GONE when its seq was
    -- dead and everything of it, the manifest too, is removed. See docs/design/versions.md.
    state TEXT NOT NULL,
    object_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    completed_us INTEGER NOT NULL,
    UNIQUE (series_no, seq)
);
CREATE INDEX recovery_points_deleted ON recovery_points (series_no, seq) WHERE state = 'DELETED';

-- The sealed manifest of a recovery point: what its job added and removed, in frames that can be found without the catalog.
CREATE TABLE manifests (
    point_no INTEGER NOT NULL REFERENCES recovery_points,
    part INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    PRIMARY KEY (point_no, part)
) WITHOUT ROWID;
CREATE INDEX manifests_by_chunk ON manifests (chunk_no);

CREATE TABLE restore_jobs (
    job_no INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    point_no INTEGER NOT NULL REFERENCES recovery_points,
    point_uid TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT,
    role_arn TEXT,
    resource_type TEXT,
    metadata TEXT NOT NULL,
    idempotency_token TEXT,
    created_us INTEGER NOT NULL,
    touched_us INTEGER NOT NULL,
    lease_us INTEGER NOT NULL,
    finished_us INTEGER
);
CREATE UNIQUE INDEX restore_jobs_by_token ON restore_jobs (idempotency_token) WHERE idempotency_token IS NOT NULL;
CREATE INDEX restore_jobs_running ON restore_jobs (point_no) WHERE state = 'RUNNING';

-- An upload is an object whose from_seq is still NULL: completing it changes one row and moves no chunk.
CREATE TABLE objects (
    object_no INTEGER PRIMARY KEY AUTOINCREMENT,
    series_no INTEGER NOT NULL REFERENCES series,
    job_no INTEGER NOT NULL REFERENCES backup_jobs,
    name TEXT NOT NULL,
    -- OPEN (an upload), WHOLE, or GONE (replaced or deleted again by the job that wrote it).
    state TEXT NOT NULL,
    from_seq INTEGER,
    to_seq INTEGER NOT NULL,
    throw_on_duplicate INTEGER NOT NULL,
    completed_us INTEGER,
    chunk_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sealed_checksum BLOB,
    metadata_string TEXT,
    metadata_chunk_no INTEGER,
    metadata_bytes INTEGER
);
CREATE UNIQUE INDEX objects_by_name ON objects (series_no, name, from_seq) WHERE from_seq IS NOT NULL;
CREATE INDEX objects_by_from ON objects (series_no, from_seq) WHERE from_seq IS NOT NULL;
CREATE INDEX objects_by_to ON objects (series_no, to_seq, from_seq) WHERE to_seq < 9223372036854775807;
CREATE INDEX objects_unlisted ON objects (job_no) WHERE from_seq IS NULL;
CREATE INDEX objects_by_metadata_chunk ON objects (metadata_chunk_no) WHERE metadata_chunk_no IS NOT NULL;

CREATE TABLE object_chunks (
    object_no INTEGER NOT NULL,
    chunk_index INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    PRIMARY KEY (object_no, chunk_index)
) WITHOUT ROWID;
CREATE INDEX object_chunks_by_chunk ON object_chunks (chunk_no);

CREATE TABLE packs (
    pack_no INTEGER PRIMARY KEY,
    uid BLOB NOT NULL UNIQUE,
    vault_no INTEGER NOT NULL REFERENCES vaults
);

CREATE TABLE chunks (
    chunk_no INTEGER PRIMARY KEY AUTOINCREMENT,
    vault_no INTEGER NOT NULL REFERENCES vaults,
    chunk_id BLOB NOT NULL,
    sealed_digest BLOB NOT NULL,
    raw_bytes INTEGER NOT NULL,
    pack_no INTEGER NOT NULL REFERENCES packs,
    frame_offset INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    -- A frame that failed its check is no longer a duplicate of anything: the next upload of the chunk writes it anew.
    bad INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX chunks_by_id ON chunks (vault_no, chunk_id);
CREATE INDEX chunks_by_pack ON chunks (pack_no);

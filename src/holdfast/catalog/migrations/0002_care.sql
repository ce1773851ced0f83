-- What collection, compaction, verification and rebuilding need to remember.

-- Every process that opens the store to write takes the next number and ends all others: the number is its fencing token,
-- looked at in each of its transactions. A pack belongs to the writer that began it.
CREATE TABLE writers (
    writer_no INTEGER PRIMARY KEY AUTOINCREMENT,
    started_us INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0
);

-- A pack's row is durable before its file is made, so that no file is ever without a row (see also doomed_packs).
ALTER TABLE packs ADD COLUMN writer_no INTEGER NOT NULL DEFAULT 0;
-- Length of the file once nobody appends to it any more; NULL before.
ALTER TABLE packs ADD COLUMN bytes INTEGER;
-- How much of `bytes`, the 48 of the pack header aside, no row of chunks refers to; kept from the moment that `bytes` is
-- known. A measured pack takes no more frames.
ALTER TABLE packs ADD COLUMN dead_bytes INTEGER NOT NULL DEFAULT 0;
-- 1 once compaction has copied all that could be: only damaged frames are left. It goes when they are healed elsewhere.
ALTER TABLE packs ADD COLUMN exhausted INTEGER NOT NULL DEFAULT 0;
-- When every frame of the pack was last read, decrypted and hashed; 0 for never.
ALTER TABLE packs ADD COLUMN verified_us INTEGER NOT NULL DEFAULT 0;
-- Strength of the pack's parity in percent, set once the blob with it is durable; 0 for none.
ALTER TABLE packs ADD COLUMN parity_percent INTEGER NOT NULL DEFAULT 0;
-- 1 for a pack that was begun under an earlier frame key of its vault: compaction seals its frames anew.
ALTER TABLE packs ADD COLUMN old_key INTEGER NOT NULL DEFAULT 0;
CREATE INDEX packs_unmeasured ON packs (pack_no) WHERE bytes IS NULL;
-- In hundredths of the pack; 100 or more only where no frame is left alive (the pack header takes 48 bytes).
CREATE INDEX packs_by_dead ON packs ((dead_bytes + 49) * 100 / (bytes + 1)) WHERE bytes IS NOT NULL;
CREATE INDEX packs_of_old_keys ON packs (pack_no) WHERE old_key = 1;
CREATE INDEX packs_small ON packs (vault_no, pack_no) WHERE bytes < 8388608;
CREATE INDEX packs_by_verified ON packs (verified_us) WHERE bytes IS NOT NULL;
CREATE INDEX packs_without_parity ON packs (pack_no) WHERE parity_percent = 0;

-- Chunks whose frame failed its check and that nobody has uploaded again since: what verification reports.
CREATE INDEX chunks_bad ON chunks (bad) WHERE bad = 1;

-- Packs whose row is gone and whose file is to go: it is removed first and this row after it.
CREATE TABLE doomed_packs (
    uid BLOB NOT NULL PRIMARY KEY,
    vault_uid BLOB NOT NULL
) WITHOUT ROWID;

-- Chunks that lost a reference: the collector looks at these and at nothing else. Written in the transaction that takes the
-- reference away; whether a chunk may go is decided by the references that exist when it goes.
CREATE TABLE condemned (
    chunk_no INTEGER PRIMARY KEY
);

-- Earlier programs removed references and noted nothing: each chunk is looked at once.
INSERT INTO condemned (chunk_no) SELECT chunk_no FROM chunks;

-- A pack's frames are read in the order in which they stand.
DROP INDEX chunks_by_pack;
CREATE INDEX chunks_by_pack ON chunks (pack_no, frame_offset);

-- Parts of the manifest of a commit that is under way; they become rows of manifests when it ends.
CREATE TABLE manifest_drafts (
    job_no INTEGER NOT NULL REFERENCES backup_jobs,
    part INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    PRIMARY KEY (job_no, part)
) WITHOUT ROWID;
CREATE INDEX manifest_drafts_by_chunk ON manifest_drafts (chunk_no);
-- Counts the manifests of a recovery point that were begun: of two whole ones the one with the higher edition counts.
ALTER TABLE backup_jobs ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;

-- Sealed records in the packs that a rebuild needs beside manifests: the settings of a vault, the deletion of a point.
CREATE TABLE records (
    record_no INTEGER PRIMARY KEY,
    vault_no INTEGER NOT NULL REFERENCES vaults,
    -- VAULT (subject: '') or DELETION (subject: the recovery point's UUID).
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- Of DELETION: the series that the point was in, and its seq. Of VAULT: NULL, and the revision that was written.
    resource_arn TEXT,
    number INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL
);
CREATE INDEX records_by_subject ON records (vault_no, kind, subject);
CREATE INDEX records_by_chunk ON records (chunk_no);

-- Records that are due and not in the packs yet. A row comes in the transaction that the record tells of and goes in the
-- one that refers to the record's frame: no frame ever tells of what did not happen.
CREATE TABLE owed_records (
    vault_no INTEGER NOT NULL REFERENCES vaults,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    resource_arn TEXT,
    number INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (vault_no, kind, subject)
) WITHOUT ROWID;
-- Grows with each change of what the vault's record says.
ALTER TABLE vaults ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- Earlier programs wrote no records: everything that one should tell of is due.
INSERT INTO owed_records (vault_no, kind, subject, number, since_us)
SELECT vault_no, 'VAULT', '', 1, created_us FROM vaults;
INSERT INTO owed_records (vault_no, kind, subject, resource_arn, number, since_us)
SELECT s.vault_no, 'DELETION', p.uid, s.resource_arn, p.seq, p.completed_us
FROM recovery_points p JOIN series s ON s.series_no = p.series_no WHERE p.state <> 'KEPT';
INSERT INTO owed_records (vault_no, kind, subject, resource_arn, number, since_us)
SELECT s.vault_no, 'DELETION', j.point_uid, s.resource_arn, j.seq, j.created_us
FROM backup_jobs j JOIN series s ON s.series_no = j.series_no WHERE j.state IN ('ABORTED', 'EXPIRED');

-- Chores that one holder does at a time; `token` grows with each taking, and every transaction of a chore looks at it.
CREATE TABLE chores (
    name TEXT NOT NULL PRIMARY KEY,
    token INTEGER NOT NULL,
    holder TEXT NOT NULL,
    until_us INTEGER NOT NULL
) WITHOUT ROWID;

-- While a row stands here nothing is collected or compacted: somebody must look first (rebuild found a manifest missing).
CREATE TABLE holds (
    reason TEXT NOT NULL PRIMARY KEY,
    since_us INTEGER NOT NULL
) WITHOUT ROWID;

-- When the keys of a vault were destroyed: its packs can be read by nobody.
ALTER TABLE vaults ADD COLUMN shredded_us INTEGER;
-- Deleted vaults that still have their keys.
CREATE INDEX vaults_deleted ON vaults (name) WHERE retired_us IS NOT NULL AND shredded_us IS NULL;
CREATE INDEX packs_by_vault ON packs (vault_no, pack_no);
CREATE INDEX series_by_resource ON series (resource_arn);

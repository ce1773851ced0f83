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
-- How much of `bytes` no row of chunks refers to; kept from the moment that `bytes` is known.
ALTER TABLE packs ADD COLUMN dead_bytes INTEGER NOT NULL DEFAULT 0;
-- When every frame of the pack was last read, decrypted and hashed; 0 for never.
ALTER TABLE packs ADD COLUMN verified_us INTEGER NOT NULL DEFAULT 0;
-- 1 once the blob with its parity is durable.
ALTER TABLE packs ADD COLUMN has_parity INTEGER NOT NULL DEFAULT 0;
-- 1 for a pack that was begun under an earlier frame key of its vault: compaction seals its frames anew.
ALTER TABLE packs ADD COLUMN old_key INTEGER NOT NULL DEFAULT 0;
CREATE INDEX packs_unmeasured ON packs (pack_no) WHERE bytes IS NULL;
CREATE INDEX packs_by_dead ON packs (dead_bytes) WHERE bytes IS NOT NULL;
CREATE INDEX packs_by_verified ON packs (verified_us) WHERE bytes IS NOT NULL;

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

-- Parts of the manifest of a commit that is under way; they become rows of manifests when it ends.
CREATE TABLE manifest_drafts (
    job_no INTEGER NOT NULL REFERENCES backup_jobs,
    part INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    PRIMARY KEY (job_no, part)
) WITHOUT ROWID;
CREATE INDEX manifest_drafts_by_chunk ON manifest_drafts (chunk_no);
-- Counts the commits of a job that were begun: of two manifests of one recovery point the one with the higher edition counts.
ALTER TABLE backup_jobs ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;

-- Sealed records in the packs that a rebuild needs beside manifests: the settings of a vault, the deletion of a point.
CREATE TABLE records (
    record_no INTEGER PRIMARY KEY,
    vault_no INTEGER NOT NULL REFERENCES vaults,
    -- VAULT (subject: the vault's uid in hex) or DELETION (subject: the recovery point's UUID).
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    chunk_no INTEGER NOT NULL
);
CREATE INDEX records_by_subject ON records (vault_no, kind, subject);
CREATE INDEX records_by_chunk ON records (chunk_no);

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

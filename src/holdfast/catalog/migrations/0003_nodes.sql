-- What several processes and machines that share a store must know of each other.

-- Grows as long as the writer lives; one whose number stands still is ended by somebody who watched it (catalog/writers.py).
ALTER TABLE writers ADD COLUMN beats INTEGER NOT NULL DEFAULT 0;
-- The latest schema step that the writer's program knows; on SQLite nobody asks.
ALTER TABLE writers ADD COLUMN speaks INTEGER NOT NULL DEFAULT 0;

-- The latest frame key of the vault, as far as this catalog made it: a pack of frames under an earlier one, sealed by a node
-- that had not heard of it yet, is due to be sealed anew like those before it.
ALTER TABLE vaults ADD COLUMN key_number INTEGER NOT NULL DEFAULT 1;

-- Which root key and which access key belong to the store: what a node brings along must be these.
CREATE TABLE identity (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    root_id BLOB NOT NULL,
    access_key_id TEXT NOT NULL
) WITHOUT ROWID;

-- How many packs were ever announced; a bucket keeps a mark of it, and is ahead of a catalog that was put back.
CREATE TABLE announced (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    packs INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO announced (one, packs) VALUES (1, 0);

-- While a row stands here the store is moving elsewhere: it is read, and nothing else.
CREATE TABLE freezes (
    reason TEXT NOT NULL PRIMARY KEY,
    since_us INTEGER NOT NULL
) WITHOUT ROWID;

-- Packs that were given up before anything of them was there. An upload that was on its way when its process was thought
-- dead may still arrive: they are removed again, until nobody can be sending any more.
CREATE TABLE late_packs (
    uid BLOB NOT NULL PRIMARY KEY,
    vault_uid BLOB NOT NULL,
    since_us INTEGER NOT NULL
) WITHOUT ROWID;

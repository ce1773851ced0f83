-- References say in which series they are, so that what one source uses of a chunk is found among all that others use of it.
-- The table is rewritten in its order: that is quicker than to change each row, and leaves it without holes.
CREATE TABLE references_by_series (
    object_no INTEGER NOT NULL,
    chunk_index INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    -- Of the object. 0 where an older program noted the reference beside newer ones; then the series does not count it.
    series_no INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (object_no, chunk_index)
) WITHOUT ROWID;
INSERT INTO references_by_series (object_no, chunk_index, chunk_no, series_no)
SELECT r.object_no, r.chunk_index, r.chunk_no, o.series_no
FROM object_chunks r CROSS JOIN objects o ON o.object_no = r.object_no
ORDER BY r.object_no, r.chunk_index;
DROP TABLE object_chunks;
ALTER TABLE references_by_series RENAME TO object_chunks;
CREATE INDEX object_chunks_by_chunk ON object_chunks (chunk_no, series_no, object_no);

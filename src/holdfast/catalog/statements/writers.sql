-- name: end_all
UPDATE writers SET ended = 1 WHERE ended = 0;

-- name: end
UPDATE writers SET ended = 1 WHERE writer_no = :writer_no AND ended = 0 AND (beats = :beats OR :beats IS NULL);

-- name: insert
INSERT INTO writers (started_us, speaks) VALUES (:now_us, :speaks) RETURNING writer_no;

-- name: beat
UPDATE writers SET beats = beats + 1 WHERE writer_no = :writer_no AND ended = 0;

-- name: live
SELECT writer_no, beats FROM writers WHERE ended = 0 ORDER BY writer_no;

-- name: is_live
SELECT 1 FROM writers WHERE writer_no = :writer_no AND ended = 0;

-- The writer if it may write, and a reason why nobody may.
-- name: admission
SELECT (SELECT writer_no FROM writers WHERE writer_no = :writer_no AND ended = 0),
       (SELECT reason FROM freezes ORDER BY reason LIMIT 1);

-- name: forget_old
DELETE FROM writers WHERE ended = 1 AND writer_no NOT IN (SELECT writer_no FROM packs WHERE bytes IS NULL);

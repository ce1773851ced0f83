-- name: end_others
UPDATE writers SET ended = 1 WHERE ended = 0;

-- name: insert
INSERT INTO writers (started_us) VALUES (:now_us);

-- name: newest
SELECT max(writer_no) FROM writers;

-- name: is_live
SELECT 1 FROM writers WHERE writer_no = :writer_no AND ended = 0;

-- name: forget_old
DELETE FROM writers WHERE ended = 1 AND writer_no NOT IN (SELECT writer_no FROM packs WHERE bytes IS NULL);

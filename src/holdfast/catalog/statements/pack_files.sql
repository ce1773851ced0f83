-- name: known
SELECT uid FROM packs WHERE uid IN (:each);

-- name: doomed
SELECT uid FROM doomed_packs WHERE uid IN (:each);

-- name: late
SELECT uid FROM late_packs WHERE uid IN (:each);

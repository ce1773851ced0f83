-- name: begin
INSERT INTO chores (name, token, holder, until_us) VALUES (:name, 0, '', 0) ON CONFLICT DO NOTHING;

-- Free is a chore whose time is over, or whose holder has ended. A time that lies beyond what a holder can ask for now was
-- set by a clock that has been put back.
-- name: take
UPDATE chores SET token = token + 1, holder = :holder, until_us = :until_us
WHERE name = :name
  AND (holder = :holder OR until_us < :now_us OR until_us > :until_us
       OR holder NOT IN (SELECT CAST(writer_no AS TEXT) FROM writers WHERE ended = 0));

-- name: take_over
UPDATE chores SET token = token + 1, holder = :holder, until_us = :until_us WHERE name = :name;

-- Somebody else who lives has it, and its time is not over.
-- name: is_elsewhere
SELECT 1 FROM chores
WHERE name = :name AND holder <> :holder AND until_us >= :now_us AND until_us <= :until_us
  AND holder IN (SELECT CAST(writer_no AS TEXT) FROM writers WHERE ended = 0);

-- name: token
SELECT token FROM chores WHERE name = :name;

-- name: renew
UPDATE chores SET until_us = :until_us WHERE name = :name AND token = :token;

-- name: holds
SELECT 1 FROM chores WHERE name = :name AND token = :token;

-- name: insert
INSERT INTO packs (uid, vault_no, writer_no) SELECT :uid, vault_no, :writer_no FROM vaults WHERE uid = :vault_uid;

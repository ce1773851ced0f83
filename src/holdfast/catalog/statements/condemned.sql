-- name: condemn
INSERT INTO condemned (chunk_no) SELECT chunk_no FROM chunks WHERE chunk_no IN (:each) ON CONFLICT DO NOTHING;

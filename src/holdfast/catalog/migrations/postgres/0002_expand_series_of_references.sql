-- References say in which series they are (../0004_references_by_series.sql). The older program notes 0 meanwhile.
ALTER TABLE object_chunks ADD COLUMN series_no BIGINT NOT NULL DEFAULT 0;

-- Reading goes on while it is made, writing waits. The older program finds its way by it too.
CREATE INDEX object_chunks_by_series ON object_chunks (chunk_no, series_no, object_no);

DROP INDEX object_chunks_by_chunk;

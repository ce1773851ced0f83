"""GetObjectMetadata: an object's metadata string and blob."""

from collections.abc import Mapping

from holdfast.catalog import chunk_index
from holdfast.dataplane import handles
from holdfast.dataplane.reading import read_chunk, reading
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import Damaged


def get_object_metadata(store: Store, params: Mapping[str, object]) -> Mapping[str, object]:
    """Both, as far as they were given; without a blob there are no length and checksum either."""
    job_id = str(params["StorageJobId"])
    object_no = handles.open_object(store.tokens, job_id, str(params["ObjectToken"]))
    with reading(store, job_id) as open_read:
        found = open_read.object(object_no)
        keys = open_read.keys
        answer: dict[str, object] = {"MetadataString": found.metadata_string}
        if found.metadata_chunk_no is None:
            return answer
        chunk = chunk_index.find_by_number(open_read.tx, open_read.vault_no, found.metadata_chunk_no)
    if chunk is None:
        raise Damaged(f"the catalog lost the metadata blob of {found.name!r}")
    blob = read_chunk(store, keys, chunk)
    answer["MetadataBlob"] = blob
    answer["MetadataBlobLength"] = len(blob)
    answer["MetadataBlobChecksum"] = checksum.encode(keys.open_digest(chunk.chunk_id, chunk.sealed_digest))
    answer["MetadataBlobChecksumAlgorithm"] = checksum.SHA256
    return answer

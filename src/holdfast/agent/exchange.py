"""How small objects travel between the agent and the service: in batches, or one by one with the nine operations.

`Batched` uses our own model's operations (one request for hundreds of small files), `OneByOne` those of
`backupstorage`. Both give the same values; whoever uses an `Exchange` does not know which it is.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from holdfast.agent.prefetch import prefetched
from holdfast.client.answers import ObjectPage, ScannedObject
from holdfast.client.api import Api
from holdfast.client.page_progress import PageProgress
from holdfast.model import checksum
from holdfast.model.errors import Internal, NotFound
from holdfast.model.limits import BATCH_CHUNKS_MAX, SCAN_PAGE_RESULTS_MAX
from holdfast.wire.batch import GetRecord, PutRecord


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An object of a job view or recovery point. `size` is the sum of its chunks' bytes."""

    name: str
    metadata: str | None
    summary: str
    """ObjectChecksum as on the wire."""
    token: str
    chunks: int
    size: int
    blob_bytes: int
    damaged: bool = False
    """Whether the service knows that bytes of it are damaged; the same data sent again heals it."""


class Exchange(Protocol):
    """What is done with small objects. Errors are those of `client.api.Api`."""

    def put(self, job_id: str, records: list[PutRecord]) -> None:
        """Store these objects; each replaces the one of its name. Durable when it returns."""
        ...

    def delete(self, job_id: str, names: Sequence[str]) -> None:
        """Remove these names from the job view; unknown ones are no error."""
        ...

    def get(self, job_id: str, objects: Sequence[Stored]) -> list[GetRecord]:
        """The chunks and metadata blob of each object, in the order given; not compared with its checksum yet."""
        ...


def listing(api: Api, job_id: str, prefix: str | None = None) -> Iterator[Stored]:
    """The objects of a job whose name begins with `prefix`, in the order of names, a page ahead of the caller."""
    for page in prefetched(_pages(api, job_id, prefix)):
        for found in page.object_list:
            yield stored(found)


def stored(found: ScannedObject) -> Stored:
    """An object as the service's scan tells it."""
    return Stored(
        found.name,
        found.metadata_string,
        found.object_checksum,
        found.object_token,
        found.chunks_count,
        found.bytes,
        found.metadata_blob_length or 0,
        found.damaged,
    )


def _pages(api: Api, job_id: str, prefix: str | None) -> Iterator[ObjectPage]:
    progress = PageProgress("list of objects")
    last = ""
    token: str | None = None
    while True:
        page = api.scan_objects(
            job_id, prefix=prefix if token is None else None, results_max=SCAN_PAGE_RESULTS_MAX, next_token=token
        )
        token = page.next_token
        progress.check(token, is_empty=not page.object_list)
        if page.object_list:
            # Strings compare by code points, which is the order of their UTF-8 bytes.
            greatest = max(found.name for found in page.object_list)
            if greatest <= last:
                raise Internal(f"the endpoint's list of objects goes back: from {last!r} to a page up to {greatest!r}")
            last = greatest
        yield page
        if token is None:
            return


class Batched:
    """Many objects in one request."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def put(self, job_id: str, records: list[PutRecord]) -> None:
        self._api.put_objects(job_id, records)

    def delete(self, job_id: str, names: Sequence[str]) -> None:
        self._api.delete_objects(job_id, names)

    def get(self, job_id: str, objects: Sequence[Stored]) -> list[GetRecord]:
        """Also of objects that no batch takes: those of other clients may have any number of tiny chunks."""
        records: list[GetRecord] = []
        together: list[str] = []
        chunks = 0
        for one in objects:
            if chunks + one.chunks > BATCH_CHUNKS_MAX:
                records += self._get_together(job_id, together)
                together, chunks = [], 0
            if one.chunks > BATCH_CHUNKS_MAX:
                records.append(get_one(self._api, job_id, one))
                continue
            together.append(one.token)
            chunks += one.chunks
        return records + self._get_together(job_id, together)

    def _get_together(self, job_id: str, tokens: list[str]) -> list[GetRecord]:
        return self._api.get_objects(job_id, tokens) if tokens else []


class OneByOne:
    """One request (or three, for what PutObject cannot carry) per object."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def put(self, job_id: str, records: list[PutRecord]) -> None:
        for record in records:
            if record.metadata_blob is None:
                digest = None if record.data is None else checksum.digest(record.data)
                self._api.put_object(job_id, record.name, record.data, digest, metadata_string=record.metadata_string)
            else:
                self._put_with_blob(job_id, record)

    def _put_with_blob(self, job_id: str, record: PutRecord) -> None:
        upload_id = self._api.start_object(job_id, record.name)
        digests = []
        if record.data is not None:
            digests.append(checksum.digest(record.data))
            self._api.put_chunk(job_id, upload_id, 0, record.data, digests[0])
        self._api.notify_object_complete(
            job_id,
            upload_id,
            checksum.summary(digests),
            metadata_string=record.metadata_string,
            metadata_blob=record.metadata_blob,
        )

    def delete(self, job_id: str, names: Sequence[str]) -> None:
        for name in names:
            try:
                self._api.delete_object(job_id, name)
            except NotFound:
                continue

    def get(self, job_id: str, objects: Sequence[Stored]) -> list[GetRecord]:
        return [get_one(self._api, job_id, one) for one in objects]


def get_one(api: Api, job_id: str, wanted: Stored) -> GetRecord:
    """The chunks and metadata blob of one object, by the nine operations."""
    chunks = [
        (chunk.index, bytes(api.get_chunk(job_id, chunk.chunk_token)))
        for chunk in api.list_chunks(job_id, wanted.token)
    ]
    if not wanted.blob_bytes:
        return GetRecord(chunks)
    blob = api.get_object_metadata(job_id, wanted.token).metadata_blob
    return GetRecord(chunks, None if blob is None else bytes(blob))

"""Reads objects of a view by both ways that there are, and compares every byte."""

import random
from collections.abc import Iterator, Sequence

from holdfast.client.answers import ScannedObject
from holdfast.client.api import Api
from holdfast.model.limits import BATCH_BYTES_MAX
from torture.content import Content

_BATCH_OBJECTS = 64


def read_back(
    api: Api, reader: str, wanted: Sequence[tuple[ScannedObject, Content]], dice: random.Random
) -> Iterator[str]:
    """What is not as it should be, one line each. Raises HoldfastError where the service does."""
    batch: list[tuple[ScannedObject, Content]] = []
    batch_bytes = 0
    for found, content in wanted:
        size = content.total_bytes() + (content.blob.length if content.blob else 0)
        if size > BATCH_BYTES_MAX or dice.random() < 0.1:
            yield from _one_by_one(api, reader, found, content)
            continue
        if batch and (len(batch) == _BATCH_OBJECTS or batch_bytes + size > BATCH_BYTES_MAX):
            yield from _together(api, reader, batch)
            batch, batch_bytes = [], 0
        batch.append((found, content))
        batch_bytes += size
    if batch:
        yield from _together(api, reader, batch)


def _together(api: Api, reader: str, batch: Sequence[tuple[ScannedObject, Content]]) -> Iterator[str]:
    records = api.get_objects(reader, [found.object_token for found, _ in batch])
    for (found, content), record in zip(batch, records, strict=True):
        yield from _compare(found.name, content, record.chunks)
        yield from _compare_blob(found.name, content, record.metadata_blob)


def _one_by_one(api: Api, reader: str, found: ScannedObject, content: Content) -> Iterator[str]:
    chunks = [
        (chunk.index, bytes(api.get_chunk(reader, chunk.chunk_token)))
        for chunk in api.list_chunks(reader, found.object_token)
    ]
    yield from _compare(found.name, content, chunks)
    metadata = api.get_object_metadata(reader, found.object_token)
    if metadata.metadata_string != content.note:
        yield f"the metadata string of {found.name!r} is {metadata.metadata_string!r}, not {content.note!r}"
    blob = metadata.metadata_blob
    yield from _compare_blob(found.name, content, None if blob is None else bytes(blob))


def _compare(name: str, content: Content, chunks: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    expected = [index for index, _ in content.chunks]
    if [index for index, _ in chunks] != expected:
        yield f"{name!r} has chunks {[index for index, _ in chunks]}, not {expected}"
        return
    for (index, piece), (_, data) in zip(content.chunks, chunks, strict=True):
        if piece.data() != data:
            yield f"chunk {index} of {name!r} has WRONG BYTES ({len(data)} bytes of {piece})"


def _compare_blob(name: str, content: Content, blob: bytes | None) -> Iterator[str]:
    expected = content.blob.data() if content.blob else None
    if blob != expected:
        yield f"the metadata blob of {name!r} has WRONG BYTES ({content.blob} was stored)"

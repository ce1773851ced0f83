"""PutChunk: one chunk of an upload, in any order, in parallel, with gaps (contract 3.2 and 3.12)."""

from collections.abc import Mapping
from typing import cast

from holdfast.catalog import chunk_index, leases, objects
from holdfast.catalog.objects import UploadRow
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import handles
from holdfast.dataplane.checks import check_chunk, check_length, check_range, check_size
from holdfast.dataplane.intake import Arrival, Recorded, VaultRef, take_in
from holdfast.dataplane.job_refs import own_view, vault_of
from holdfast.dataplane.places import place_of
from holdfast.dataplane.store import Store
from holdfast.model import checksum
from holdfast.model.errors import DataExists, InvalidState, NotFound
from holdfast.model.limits import CHUNK_INDEX_MAX
from holdfast.model.purpose import Purpose
from holdfast.wire.message import Buffer

Answer = Mapping[str, object]


def put_chunk(store: Store, params: Mapping[str, object]) -> Answer:
    """Stores Data at ChunkIndex of the upload. The same data at the same index again is the same answer."""
    job_id, object_no, index = _where(store, params)
    data = cast(Buffer, params.get("Data", b""))
    check_size(len(data), store.chunk_bytes_max, "Data", "cut it into smaller chunks")
    check_length(data, cast(int, params.get("Length", 0)), "Length")
    digest = check_chunk(data, str(params["Checksum"]), "Checksum")
    vault = vault_of(store, job_id)
    now_us = store.clock.now_us()

    def apply(tx: Tx, recorded: Recorded) -> None:
        job = leases.require_running(tx, job_id, now_us)
        upload = _require_upload(objects.find_upload_to_add(tx, job.job_no, object_no))
        if not _is_there(tx, vault, object_no, index, digest):
            _require_open(upload)
            chunk_index.refer(tx, job.series_no, [(object_no, index, recorded[0])])

    take_in(store, vault, [Arrival(data, digest)], apply)
    return _answer(digest)


def answer_known_chunk(store: Store, params: Mapping[str, object]) -> Answer | None:
    """The answer before the body was sent, or None where the body is needed.

    Only for a chunk that the caller has shown to possess: it is in the job's base or was sent in this job.
    """
    job_id, object_no, index = _where(store, params)
    length = cast(int, params.get("Length", 0))
    check_size(length, store.chunk_bytes_max, "Data", "cut it into smaller chunks")
    digest = checksum.decode(str(params["Checksum"]), "Checksum")
    vault = vault_of(store, job_id)
    chunk_id = vault.keys.chunk_id(digest)
    now_us = store.clock.now_us()
    with store.catalog.snapshot() as tx:
        view = leases.require_readable(tx, job_id, now_us).view
        _require_upload(objects.find_upload(tx, view.job_no, object_no))
        chunk_no = _possessed(tx, vault, view, chunk_id, length)
        if chunk_no is None:
            return None
        found = chunk_index.find_by_number(tx, vault.vault_no, chunk_no)
    if found is None or not store.chunks.seems_whole(vault.keys, chunk_id, place_of(found), length):
        return None

    def step(tx: Tx, _: object) -> bool:
        job = leases.require_running(tx, job_id, now_us)
        upload = _require_upload(objects.find_upload_to_add(tx, job.job_no, object_no))
        if _is_there(tx, vault, object_no, index, digest):
            return True
        _require_open(upload)
        # Looked up again: between snapshot and transaction the chunk may have been condemned.
        chunk_no = _possessed(tx, vault, own_view(job), chunk_id, length)
        if chunk_no is None:
            return False
        chunk_index.refer(tx, job.series_no, [(object_no, index, chunk_no)])
        return True

    return _answer(digest) if store.commits.submit((), step, Purpose.ADD) else None


def _where(store: Store, params: Mapping[str, object]) -> tuple[str, int, int]:
    job_id = str(params["BackupJobId"])
    object_no = handles.open_upload(store.tokens, job_id, str(params["UploadId"]))
    index = check_range(cast(int, params["ChunkIndex"]), 0, CHUNK_INDEX_MAX, "ChunkIndex")
    return job_id, object_no, index


def _require_upload(upload: UploadRow | None) -> UploadRow:
    if upload is None:
        raise NotFound("UploadId names no upload of this job: start one with StartObject")
    return upload


def _require_open(upload: UploadRow) -> None:
    if upload.state != "OPEN":
        raise InvalidState(
            f"the upload of {upload.name!r} has ended: it takes no more chunks; start the object again with StartObject"
        )


def _is_there(tx: Tx, vault: VaultRef, object_no: int, index: int, digest: bytes) -> bool:
    """Whether the upload has this chunk at `index`. Raises DataExists if it has another."""
    stored = chunk_index.find_reference(tx, object_no, index)
    if stored is None:
        return False
    chunk_id, sealed_digest, _ = stored
    if chunk_id == vault.keys.chunk_id(digest):
        return True
    raise DataExists(
        f"ChunkIndex {index} of this upload holds other data: use another index, or start the object again",
        checksum=checksum.encode(vault.keys.open_digest(chunk_id, sealed_digest)),
        checksum_algorithm=checksum.SHA256,
    )


def _possessed(tx: Tx, vault: VaultRef, view: objects.View, chunk_id: bytes, length: int) -> int | None:
    found = chunk_index.find_possessed(tx, vault.vault_no, view, chunk_id)
    # A wrong length is left to the ordinary way, which reads the body and says what is wrong with it.
    return found[0] if found is not None and found[1] == length else None


def _answer(digest: bytes) -> Answer:
    return {"ChunkChecksum": checksum.encode(digest), "ChunkChecksumAlgorithm": checksum.SHA256}

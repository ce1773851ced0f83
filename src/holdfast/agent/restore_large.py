"""Brings back a large file: its chunks are fetched in parallel and written where they belong.

Each chunk is compared with its own SHA-256, and the list of chunks with the object's SUMMARY, before the file takes its
place. Holes are never written. Bytes in memory are bounded by one budget for all files.
"""

import hashlib
import os
from threading import Condition

from holdfast.agent.crew import ByteBudget, Crew
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.restore_attributes import AttributeWriter
from holdfast.agent.restore_links import Links
from holdfast.agent.restore_small import write_at
from holdfast.agent.target import new_file
from holdfast.agent.wanted import Wanted
from holdfast.client.answers import ListedChunk
from holdfast.client.api import Api
from holdfast.model import checksum
from holdfast.model.errors import Damaged


class LargeRestores:
    """Writes large files; `write` may run in several threads at once."""

    def __init__(
        self,
        api: Api,
        job_id: str,
        chunks: Crew,
        budget: ByteBudget,
        links: Links,
        attributes: AttributeWriter,
        tally: Tally[RestoreReport],
    ) -> None:
        self.api = api
        self.job_id = job_id
        self.chunks = chunks
        self.budget = budget
        self.tally = tally
        self._links = links
        self._attributes = attributes

    def write(self, one: Wanted) -> None:
        """Fetch and write one file. Raises OSError, Damaged, or the service's errors."""
        stored_blob = None
        if one.stored.blob_bytes:
            found = self.api.get_object_metadata(self.job_id, one.stored.token).metadata_blob
            stored_blob = None if found is None else bytes(found)
        blob = self._attributes.decoded(one, stored_blob)
        with new_file(one.directory, one.leaf) as fd:
            os.ftruncate(fd, one.attributes.size)
            _Download(self, one, fd).run()
            given = self._attributes.give(one, fd, blob)
            self._links.written(one, given[1])
        self._attributes.placed(one, given, blob)
        self.tally.add(files=1, objects_done=1)


class _Download:
    def __init__(self, files: LargeRestores, one: Wanted, fd: int) -> None:
        self._files = files
        self._one = one
        self._fd = fd
        self._changed = Condition()
        self._unwritten = 0
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Every chunk written and verified on return."""
        whole = hashlib.sha256()
        end = 0
        try:
            for chunk in self._files.api.list_chunks(self._files.job_id, self._one.stored.token):
                digest = checksum.decode(chunk.checksum, "Checksum")
                whole.update(digest)
                self._hand_out(chunk, digest, end if self._one.foreign else chunk.index)
                end += chunk.length
        finally:
            self._settle()
        if checksum.encode(whole.digest()) != self._one.stored.summary:
            raise Damaged("its list of chunks does not have the checksum of the object")

    def _hand_out(self, chunk: ListedChunk, digest: bytes, position: int) -> None:
        with self._changed:
            if self._failure is not None:
                raise self._failure
            self._unwritten += 1
        taken = self._files.budget.take(chunk.length)
        try:
            self._files.chunks.submit(lambda: self._write(chunk.chunk_token, digest, position, taken))
        except BaseException as error:
            self._done(taken, error)
            raise

    def _write(self, token: str, digest: bytes, position: int, taken: int) -> None:
        """One chunk. What fails here fails this file, and whoever waits for it decides what else."""
        failure: BaseException | None = None
        try:
            data = self._files.api.get_chunk(self._files.job_id, token, digest=digest)
            write_at(self._fd, data, position, self._one)
            self._files.tally.add(bytes_written=len(data))
        except BaseException as error:  # noqa: BLE001  carried over to the thread of this file
            failure = error
        self._done(taken, failure)

    def _done(self, taken: int, failure: BaseException | None) -> None:
        self._files.budget.give(taken)
        with self._changed:
            self._unwritten -= 1
            self._failure = self._failure or failure
            self._changed.notify_all()

    def _settle(self) -> None:
        with self._changed:
            while self._unwritten:
                self._changed.wait()
            if self._failure is not None:
                raise self._failure

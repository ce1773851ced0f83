"""Sends a large file chunk by chunk: one thread reads and cuts, the chunk crew hashes and sends.

Bytes in memory are bounded by one budget for all files: a window is taken before it is read and given back when its
last chunk is acknowledged. Where the service may know a chunk already (the job has a base or is resumed, or this run
sent it before), it is asked first and known bytes never travel. An OSError is the file's; an error of the service
leaves as it is.
"""

import hashlib
import os
import stat
from threading import Condition, Lock

from holdfast.agent import cut, inode_flags, xattrs
from holdfast.agent.attributes import describe
from holdfast.agent.crew import ByteBudget, Crew
from holdfast.agent.read_file import Vanished, begin, open_file, same, too_fresh
from holdfast.agent.report import BackupReport, Tally
from holdfast.agent.scan import Entry
from holdfast.agent.xattrs import MetadataBlob
from holdfast.client.api import Api
from holdfast.model import checksum
from holdfast.model.clock import Clock
from holdfast.model.limits import CHUNK_INDEX_MAX

READ_ATTEMPTS = 2
SENT_REMEMBERED_MAX = 200_000


class LargeFiles:
    """Uploads large files into one job; `upload` may run in several threads at once."""

    def __init__(
        self,
        api: Api,
        job_id: str,
        chunks: Crew,
        budget: ByteBudget,
        tally: Tally[BackupReport],
        clock: Clock,
        about: MetadataBlob,
        *,
        ask_first: bool,
    ) -> None:
        self.api = api
        self.job_id = job_id
        self.chunks = chunks
        self.budget = budget
        self.tally = tally
        self._clock = clock
        self._about = about
        self._ask_first = ask_first
        self._sent: set[bytes] = set()
        self._sent_lock = Lock()

    def upload(self, entry: Entry) -> bool:
        """Reads and stores `entry`; True where it changed all the while. Raises OSError, Vanished, or the service's."""
        fd = open_file(entry)
        try:
            attempts_left = READ_ATTEMPTS
            while True:
                attempts_left -= 1
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    raise Vanished(entry.name)
                began_us = begin(before, self._clock)
                upload = _Upload(self, entry.name)
                size = upload.send(fd, before.st_size)
                after = os.fstat(fd)
                rested = same(before, after) and (size == after.st_size or not after.st_size)
                if rested or not attempts_left:
                    break
            read_again = not rested or too_fresh(after, began_us)
            about = self._about if entry.is_top else None
            found = xattrs.read(fd, about, inode_flags.read(fd))
            if found.lost:
                self.tally.attributes(entry.name, found.lost)
            upload.complete(describe(after, "f", size=size, read_again=read_again), found.blob)
            return not rested
        finally:
            os.close(fd)

    def may_know(self, digest: bytes) -> bool:
        """Whether asking before sending may save the sending."""
        with self._sent_lock:
            known = digest in self._sent
            if len(self._sent) >= SENT_REMEMBERED_MAX:
                self._sent.clear()
            self._sent.add(digest)
        return known or self._ask_first


class _Upload:
    """One pass over one file. A pass that is not completed leaves an open upload, which the commit drops."""

    def __init__(self, files: LargeFiles, name: str) -> None:
        self._files = files
        self._name = name
        self._upload_id = files.api.start_object(files.job_id, name)
        self._summary = _Summary()
        self._changed = Condition()
        self._unacknowledged = 0
        self._failure: BaseException | None = None
        self._number = 0

    def send(self, fd: int, size: int) -> int:
        """Sends the first `size` bytes but holes; the size really found, where the file ended early. Raises OSError.

        A file of size 0 is as long as it turns out to be (/proc).
        """
        try:
            for start, end in cut.data_stretches(fd, size) if size else ((0, CHUNK_INDEX_MAX),):
                position = start
                while position < end:
                    covered = self._send_window(fd, position, end)
                    if not covered:
                        return position
                    position += covered
            return size
        finally:
            self._settle()

    def complete(self, metadata: str, blob: bytes | None) -> None:
        """Makes the object visible. Every chunk is acknowledged."""
        self._files.api.notify_object_complete(
            self._files.job_id,
            self._upload_id,
            self._summary.digest(),
            metadata_string=metadata,
            metadata_blob=blob,
        )

    def _send_window(self, fd: int, position: int, end: int) -> int:
        """Hands out the next window's chunks; how many bytes they cover, 0 where the file ends."""
        budget = self._files.budget
        taken = budget.take(min(cut.WINDOW_BYTES, end - position))
        try:
            window, found = cut.read_window(fd, position, end)
        except BaseException:
            budget.give(taken)
            raise
        self._files.tally.add(bytes_read=sum(length for _, length in found))
        hold = _Hold(budget, taken, len(found))
        for offset, length in found:
            self._hand_out(position + offset, window[offset : offset + length], hold)
        return found[-1][0] + found[-1][1] if found else 0

    def _hand_out(self, index: int, data: memoryview, hold: "_Hold") -> None:
        number = self._number
        self._number += 1
        with self._changed:
            self._unacknowledged += 1
        try:
            self._files.chunks.submit(lambda: self._send_chunk(number, index, data, hold))
        except BaseException:
            self._acknowledge(hold, None)
            raise

    def _send_chunk(self, number: int, index: int, data: memoryview, hold: "_Hold") -> None:
        failure: BaseException | None = None
        try:
            digest = checksum.digest(data)
            self._summary.add(number, digest)
            files = self._files
            may_know = files.may_know(digest)
            stored = files.api.put_chunk(files.job_id, self._upload_id, index, data, digest, expect=may_know)
            if stored.body_sent:
                files.tally.add(bytes_sent=len(data))
            else:
                files.tally.add(bytes_skipped=len(data))
        except BaseException as error:
            failure = error
            raise
        finally:
            self._acknowledge(hold, failure)

    def _acknowledge(self, hold: "_Hold", failure: BaseException | None) -> None:
        hold.done()
        with self._changed:
            self._unacknowledged -= 1
            self._failure = self._failure or failure
            self._changed.notify_all()

    def _settle(self) -> None:
        with self._changed:
            while self._unacknowledged:
                self._changed.wait()
            if self._failure is not None:
                raise self._failure


class _Summary:
    """SUMMARY of chunks whose digests are known in any order."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._early: dict[int, bytes] = {}
        self._next = 0
        self._lock = Lock()

    def add(self, number: int, digest: bytes) -> None:
        with self._lock:
            self._early[number] = digest
            while (following := self._early.pop(self._next, None)) is not None:
                self._whole.update(following)
                self._next += 1

    def digest(self) -> bytes:
        return self._whole.digest()


class _Hold:
    """A window's share of the budget, given back by its last chunk."""

    def __init__(self, budget: ByteBudget, taken: int, chunks: int) -> None:
        self._budget = budget
        self._taken = taken
        self._left = chunks
        self._lock = Lock()
        if not chunks:
            budget.give(taken)

    def done(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._budget.give(self._taken)

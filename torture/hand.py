"""The hand that acts on a store: every request is noted before it is sent and after it is answered.

What it raises is what the service answered (model/errors): `CallerError` says that nothing happened, any other error
that nobody knows. Both are in the journal when it is raised.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

from holdfast.client.api import Api
from holdfast.model.arn import source_arn
from holdfast.model.errors import CallerError, HoldfastError
from holdfast.wire.batch import PutRecord
from torture.content import Content, Piece
from torture.journal import Journal
from torture.lines import Acked, Begun, Commit, Deed, Delete, Make, Open, Refused, Send, Set, Start, Stop

ROLE = "arn:aws:iam::000000000000:role/torture"
T = TypeVar("T")


def vault_of(source: str) -> str:
    """A source of a torture run is called `vault/name`."""
    return source.partition("/")[0]


class Hand:
    """Writes to a store through its client. As safe for many threads as `Ledger` says."""

    def __init__(self, api: Api, journal: Journal, first_number: int = 0) -> None:
        """`api` must not repeat requests by itself (attempts_max=1): each attempt is a deed of its own.

        `first_number` is above all numbers that the journal holds.
        """
        self.api = api
        self._journal = journal
        self._numbers: Iterator[int] = itertools.count(first_number)

    def make_vault(self, name: str) -> None:
        """CreateBackupVault."""
        self._do(Make(name), lambda: self.api.create_vault(name, creator_request_id=name))

    def start(self, source: str, token: str) -> str:
        """The id of a new job, or of the one that `token` started before."""
        number = next(self._numbers)
        self._journal.write(Begun(number, Start(source, token)))
        job, base = self._answer(number, lambda: self._start(source, token))
        self._journal.write(Acked(number, job, base))
        return job

    def put(self, job: str, name: str, content: Content) -> None:
        """PutObject, for an object of at most one chunk at index 0 and without a blob."""
        piece = content.chunks[0][1] if content.chunks else None
        data, digest = (piece.data(), piece.digest()) if piece else (None, None)
        self._do(
            Set(job, {name: content}),
            lambda: self.api.put_object(job, name, data, digest, metadata_string=content.note),
        )

    def put_all(self, job: str, objects: dict[str, Content]) -> None:
        """PutObjects, for objects of at most one chunk at index 0 each."""
        records = []
        for name, content in objects.items():
            piece = content.chunks[0][1] if content.chunks else None
            blob = content.blob.data() if content.blob else None
            data, digest = (piece.data(), piece.digest()) if piece else (None, None)
            records.append(PutRecord(name, content.note, data, digest, blob))
        self._do(Set(job, dict(objects)), lambda: self.api.put_objects(job, records))

    def open(self, job: str, name: str) -> str:
        """StartObject: the id of an upload."""
        return self._do(Open(job, name), lambda: self.api.start_object(job, name), made=str)

    def send(self, job: str, upload: str, index: int, piece: Piece, *, expect: bool = False) -> None:
        """PutChunk; with `expect`, answered from the head where the service holds the chunk."""
        self._do(
            Send(job, upload, index, piece),
            lambda: self.api.put_chunk(job, upload, index, piece.data(), piece.digest(), expect=expect),
        )

    def complete(self, job: str, upload: str, name: str, content: Content) -> None:
        """NotifyObjectComplete."""
        blob = content.blob.data() if content.blob else None
        self._do(
            Set(job, {name: content}, upload),
            lambda: self.api.notify_object_complete(
                job, upload, content.summary(), metadata_string=content.note, metadata_blob=blob
            ),
        )

    def complete_again(self, job: str, upload: str, content: Content) -> None:
        """The same completion once more, which must change nothing: no deed."""
        self.api.notify_object_complete(job, upload, content.summary(), metadata_string="must change nothing")

    def remove(self, job: str, name: str) -> None:
        """DeleteObject."""
        self._do(Set(job, {name: None}), lambda: self.api.delete_object(job, name))

    def commit(self, job: str) -> str:
        """CommitBackupJob, dropping open uploads: the ARN of the recovery point."""
        return self._do(
            Commit(job),
            lambda: self.api.commit_backup_job(job, drop_open_uploads=True),
            made=lambda answer: answer.recovery_point_arn,
        )

    def stop(self, job: str) -> None:
        """StopBackupJob."""
        self._do(Stop(job), lambda: self.api.stop_backup_job(job))

    def delete(self, vault: str, point: str) -> None:
        """DeleteRecoveryPoint."""
        self._do(Delete(point), lambda: self.api.delete_recovery_point(vault, point))

    def _start(self, source: str, token: str) -> tuple[str, str | None]:
        job = self.api.start_backup_job(vault_of(source), source_arn(source), ROLE, idempotency_token=token)
        return job.backup_job_id, self.api.get_incremental_base_backup(job.backup_job_id)

    def _do(self, deed: Deed, send: Callable[[], T], made: Callable[[T], str] | None = None) -> str:
        number = next(self._numbers)
        self._journal.write(Begun(number, deed))
        answer = self._answer(number, send)
        named = made(answer) if made else None
        self._journal.write(Acked(number, named))
        return named or ""

    def _answer(self, number: int, send: Callable[[], T]) -> T:
        try:
            return send()
        except CallerError:
            self._journal.write(Refused(number, surely_not=True))
            raise
        except HoldfastError:
            self._journal.write(Refused(number, surely_not=False))
            raise

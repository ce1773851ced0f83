"""`Expect: 100-continue`: a chunk that the caller has shown to possess costs no body; every other chunk is uploaded."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from tests.interop.relay import Relay
from tests.interop.round_trip.job import Service, Unseekable, sha256

CHUNK_BYTES = 8 << 20


class Asking:
    """Puts chunks through a relay, asking before each body; `put` returns how many body bytes travelled."""

    def __init__(self, service: Service, relay: Relay, **client: Any) -> None:
        config = Config(retries={"max_attempts": 0}, read_timeout=30)
        session = service.sessions["storage"]
        self.client = session.client("backupstorage", endpoint_url=relay.url, config=config, **client)
        self.client.meta.events.register("before-call.backupstorage.PutChunk", self._ask)
        self._relay = relay

    @staticmethod
    def _ask(params: dict[str, Any], **_: object) -> None:
        params["headers"]["Expect"] = "100-continue"

    def put(self, job: str, upload: str, index: int, data: bytes, body: Any = None) -> int:
        self._relay.forget()
        answer = self.client.put_chunk(
            BackupJobId=job,
            UploadId=upload,
            ChunkIndex=index,
            Data=data if body is None else body,
            Length=len(data),
            Checksum=sha256(data),
            ChecksumAlgorithm="SHA256",
        )
        assert answer["ChunkChecksum"] == sha256(data)
        return self._relay.body_bytes


@contextmanager
def asking(service: Service, **client: Any) -> Iterator[Asking]:
    with Relay(service.storage.meta.endpoint_url) as relay:
        yield Asking(service, relay, **client)


def start(service: Service, job: str, name: str) -> str:
    return str(service.storage.start_object(BackupJobId=job, ObjectName=name)["UploadId"])


def an_unknown_chunk_is_uploaded(service: Service) -> None:
    data = os.urandom(CHUNK_BYTES)
    job = service.start_job()
    upload = start(service, job, "o")
    with asking(service) as by_expect:
        assert by_expect.put(job, upload, 0, data) == len(data)
        by_expect.put(job, upload, 1, data[:-1], Unseekable(data[:-1]))
    service.complete(job, upload, [data, data[:-1]])
    restore = service.start_restore(service.commit(job))
    assert service.contents(restore) == {"o": data + data[:-1]}


def a_chunk_sent_in_this_job_costs_no_body(service: Service) -> None:
    data = os.urandom(CHUNK_BYTES)
    job = service.start_job()
    upload = start(service, job, "o")
    service.put_chunk(job, upload, 0, data)
    with asking(service) as by_expect:
        assert by_expect.put(job, upload, 0, data) == 0  # the same place again
        assert by_expect.put(job, upload, 1, data) == 0
        assert by_expect.put(job, start(service, job, "p"), 5, data) == 0
        assert by_expect.put(job, upload, 2, data, Unseekable(data)) == 0
    service.complete(job, upload, [data] * 3)
    token = service.objects(job)[0]["ObjectToken"]
    assert service.read(job, token) == [data] * 3


def a_chunk_of_the_base_costs_no_body(service: Service) -> None:
    data = os.urandom(CHUNK_BYTES)
    source = service.new_source()
    first = service.start_job(source)
    service.put_chunked(first, "o", [data])
    service.commit(first)
    second = service.start_job(source)
    upload = start(service, second, "copy")
    with asking(service) as by_expect:
        assert by_expect.put(second, upload, 0, data) == 0
    service.complete(second, upload, [data])
    restore = service.start_restore(service.commit(second))
    assert service.contents(restore) == {"o": data, "copy": data}


def a_chunk_that_somebody_else_sent_must_be_shown(service: Service) -> None:
    data = os.urandom(CHUNK_BYTES)
    other = service.start_job()
    service.put_chunked(other, "theirs", [data])
    service.commit(other)
    job = service.start_job()
    upload = start(service, job, "mine")
    with asking(service) as by_expect:
        assert by_expect.put(job, upload, 0, data) == len(data)
        assert by_expect.put(job, upload, 1, data) == 0  # shown now
    service.complete(job, upload, [data, data])


def known_and_unknown_chunks_may_alternate_on_one_client(service: Service) -> None:
    known, job = os.urandom(CHUNK_BYTES), service.start_job()
    upload = start(service, job, "o")
    service.put_chunk(job, upload, 0, known)
    sent = [known]
    began = time.monotonic()
    with asking(service) as by_expect:
        for index in range(1, 13):
            if index % 3:
                assert by_expect.put(job, upload, index, known) == 0
                sent.append(known)
            else:
                unknown = os.urandom(1000 + index)
                assert by_expect.put(job, upload, index, unknown) == len(unknown)
                sent.append(unknown)
    assert time.monotonic() - began < 20  # a confused connection waits for its read timeout
    service.complete(job, upload, sent)


def a_refusal_costs_no_body(service: Service) -> None:
    data = os.urandom(CHUNK_BYTES)
    job = service.start_job()
    upload = start(service, job, "o")
    key = service.sessions["storage"].get_credentials().access_key
    wrong = {"aws_access_key_id": key, "aws_secret_access_key": "wrong" * 8}
    for client, place in ((wrong, (job, upload)), ({}, (job, "forged")), ({}, ("no-such-job", upload))):
        with Relay(service.storage.meta.endpoint_url) as relay:
            try:
                Asking(service, relay, **client).put(*place, 0, data)
            except ClientError as error:
                assert 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
                assert relay.body_bytes == 0
            else:
                raise AssertionError("was not refused")


CHECKS = [
    an_unknown_chunk_is_uploaded,
    a_chunk_sent_in_this_job_costs_no_body,
    a_chunk_of_the_base_costs_no_body,
    a_chunk_that_somebody_else_sent_must_be_shown,
    known_and_unknown_chunks_may_alternate_on_one_client,
    a_refusal_costs_no_body,
]

"""Errors: each modelled one that a caller can bring about is raised as its own class, and says what is wrong.

Those that only a failing service gives (throttling, its own trouble, revoked keys) are proven where the codec is.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.interop.relay import Relay
from tests.interop.round_trip.job import Service, Unseekable, sha256, summary

MIB = 1 << 20


@contextlib.contextmanager
def raised(client: Any, code: str, status: int) -> Iterator[dict[str, Any]]:
    """The block must raise the client's exception class of `code`; yields what becomes its response."""
    response: dict[str, Any] = {}
    try:
        yield response
    except ClientError as error:
        response.update(error.response)
        assert error.response["Error"]["Code"] == code, error
        assert type(error) is getattr(client.exceptions, code), type(error)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert len(error.response["Error"]["Message"]) > 10, error.response
        assert error.response["ResponseMetadata"]["RequestId"]
    else:
        raise AssertionError(f"{code} was not raised")


def other_data_under_a_name_or_index_is_data_already_exists(service: Service) -> None:
    storage = service.storage
    job = service.start_job()
    upload = storage.start_object(BackupJobId=job, ObjectName="twice")["UploadId"]
    service.put_chunk(job, upload, 7, b"first")
    with raised(storage, "DataAlreadyExistsException", 400) as response:
        service.put_chunk(job, upload, 7, b"second")
    assert (response["Checksum"], response["ChecksumAlgorithm"]) == (sha256(b"first"), "SHA256")
    service.complete(job, upload, [b"first"])
    with raised(storage, "DataAlreadyExistsException", 400) as response:
        service.complete(job, upload, [b"second"])
    assert (response["Checksum"], response["ChecksumAlgorithm"]) == (summary([b"first"]), "SUMMARY")
    with raised(storage, "DataAlreadyExistsException", 400) as response:
        storage.start_object(BackupJobId=job, ObjectName="twice", ThrowOnDuplicate=True)
    assert (response["Checksum"], response["ChecksumAlgorithm"]) == (summary([b"first"]), "SUMMARY")
    with raised(storage, "DataAlreadyExistsException", 400):
        service.put_inline(job, "twice", b"third", ThrowOnDuplicate=True)
    service.put_inline(job, "twice", b"third", ThrowOnDuplicate=False)


def wrong_input_is_an_illegal_argument(service: Service) -> None:
    storage = service.storage
    job = service.start_job()
    upload = storage.start_object(BackupJobId=job, ObjectName="o")["UploadId"]
    chunk: dict[str, Any] = {"BackupJobId": job, "UploadId": upload, "ChunkIndex": 0, "ChecksumAlgorithm": "SHA256"}
    chunk |= {"Data": b"data", "Length": 4, "Checksum": sha256(b"data")}
    big = bytes(16 * MIB + 1)
    wrong: list[dict[str, Any]] = [
        {"Checksum": sha256(b"other")},
        {"Checksum": "not base64"},
        {"ChecksumAlgorithm": "MD5"},
        {"ChunkIndex": -1},
        {"Data": big, "Length": len(big), "Checksum": sha256(big)},
        {"UploadId": "forged"},
        {"UploadId": upload[:-2] + ("AA" if upload[-2:] != "AA" else "BB")},
        {"BackupJobId": "no-such-job"},
        {"Data": b"longer", "Length": 4},
    ]
    for change in wrong:
        with raised(storage, "IllegalArgumentException", 400):
            storage.put_chunk(**{**chunk, **change})
    for name in ("a\nb", "nul\0", "\x7f", "x" * 4097):
        with raised(storage, "IllegalArgumentException", 400):
            storage.start_object(BackupJobId=job, ObjectName=name)
    for text in ("", "x" * 257, "line\nbreak", "bell\a"):
        with raised(storage, "IllegalArgumentException", 400):
            service.put_inline(job, "o", b"x", MetadataString=text)
    for size in (101, 2**31 - 1):
        with raised(storage, "IllegalArgumentException", 400):
            storage.list_objects(StorageJobId=job, MaxResults=size)
    with raised(storage, "IllegalArgumentException", 400):
        storage.list_objects(StorageJobId=job, NextToken="forged")
    with raised(storage, "IllegalArgumentException", 400):
        service.complete(job, upload, [b"never sent"])
    with raised(service.holdfast, "IllegalArgumentException", 400):
        service.holdfast.commit_backup_job(BackupJobId=job)  # an upload is open
    service.holdfast.commit_backup_job(BackupJobId=job, DropOpenUploads=True)


def names_of_dots_alone_are_refused(service: Service) -> None:
    job = service.start_job()
    for name in (".", ".."):
        for put in (service.put_inline, service.put_chunked):
            try:
                put(job, name, [b"x"] if put == service.put_chunked else b"x")  # type: ignore[operator]
            except ClientError as error:
                assert 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
            else:
                raise AssertionError(f"{name!r} was accepted")
    assert service.names(job) == []


def what_does_not_exist_is_resource_not_found(service: Service) -> None:
    storage = service.storage
    job = service.start_job()
    with raised(storage, "ResourceNotFoundException", 404):
        storage.list_objects(StorageJobId="no-such-job")
    with raised(storage, "ResourceNotFoundException", 404):
        storage.start_object(BackupJobId="no-such-job", ObjectName="o")
    with raised(storage, "ResourceNotFoundException", 404):
        storage.delete_object(BackupJobId=job, ObjectName="no such name")
    with raised(service.backup, "ResourceNotFoundException", 400):
        service.backup.describe_backup_job(BackupJobId="no-such-job")


def a_token_serves_only_the_job_it_was_given_for(service: Service) -> None:
    storage = service.storage
    job, other = service.start_job(), service.start_job()
    for one in (job, other):
        service.put_inline(one, "a", b"x")
        service.put_inline(one, "b", b"x")
    page = storage.list_objects(StorageJobId=job, MaxResults=1)
    token = page["ObjectList"][0]["ObjectToken"]
    chunk = storage.list_chunks(StorageJobId=job, ObjectToken=token)["ChunkList"][0]["ChunkToken"]
    upload = storage.start_object(BackupJobId=job, ObjectName="c")["UploadId"]
    attempts = [
        lambda: storage.list_objects(StorageJobId=other, NextToken=page["NextToken"]),
        lambda: storage.list_chunks(StorageJobId=other, ObjectToken=token),
        lambda: storage.get_object_metadata(StorageJobId=other, ObjectToken=token),
        lambda: storage.get_chunk(StorageJobId=other, ChunkToken=chunk),
        lambda: storage.get_chunk(StorageJobId=job, ChunkToken=token),  # of another kind
        lambda: service.put_chunk(other, upload, 0, b"x"),
    ]
    for attempt in attempts:
        with raised(storage, "IllegalArgumentException", 400):
            attempt()


def strangers_are_denied(service: Service) -> None:
    job = service.start_job()
    session = service.sessions["storage"]
    known = session.get_credentials().get_frozen_credentials()
    once = {"max_attempts": 0}
    strangers = [
        {"aws_access_key_id": known.access_key, "aws_secret_access_key": "wrong" * 8, "config": Config(retries=once)},
        {"aws_access_key_id": "AKIASOMEBODYELSE", "aws_secret_access_key": "x" * 40, "config": Config(retries=once)},
        {"config": Config(retries=once, signature_version=botocore.UNSIGNED)},
    ]
    for stranger in strangers:
        client = session.client("backupstorage", **stranger)
        with raised(client, "AccessDeniedException", 403):
            client.list_objects(StorageJobId=job)
        if "aws_access_key_id" in stranger:  # boto3 will not send an unsigned body without signing the rest
            with raised(client, "AccessDeniedException", 403):
                client.put_object(BackupJobId=job, ObjectName="o", InlineChunk=b"x" * MIB)
    control = service.sessions["backup"].client("backup", **strangers[0])
    try:
        control.list_backup_vaults()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException"
    else:
        raise AssertionError("a wrong secret was accepted")


def a_body_that_ends_early_is_a_not_readable_input_stream(service: Service) -> None:
    job = service.start_job()
    upload = service.storage.start_object(BackupJobId=job, ObjectName="o")["UploadId"]
    with raised(service.storage, "NotReadableInputStreamException", 400):
        service.put_chunk(job, upload, 0, b"x" * 100, Unseekable(b"x" * 50))
    with Relay(service.storage.meta.endpoint_url, cut_after_bytes=MIB) as relay:
        once = Config(retries={"max_attempts": 0})
        client = service.sessions["storage"].client("backupstorage", endpoint_url=relay.url, config=once)
        data = bytes(2 * MIB)
        with raised(client, "NotReadableInputStreamException", 400):
            client.put_chunk(
                BackupJobId=job,
                UploadId=upload,
                ChunkIndex=0,
                Data=data,
                Length=len(data),
                Checksum=sha256(data),
                ChecksumAlgorithm="SHA256",
            )
    service.put_chunk(job, upload, 0, b"whole")
    service.complete(job, upload, [b"whole"])


CHECKS = [
    other_data_under_a_name_or_index_is_data_already_exists,
    wrong_input_is_an_illegal_argument,
    names_of_dots_alone_are_refused,
    what_does_not_exist_is_resource_not_found,
    a_token_serves_only_the_job_it_was_given_for,
    strangers_are_denied,
    a_body_that_ends_early_is_a_not_readable_input_stream,
]

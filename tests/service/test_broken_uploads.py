"""Of two uploads of one chunk the one that breaks off takes nothing from the other."""

import configparser
import hashlib
import os
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from holdfast.client.api import Api
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.sigv4.sign import sign
from tests.backends import Backend
from tests.service.raw_http import RawAnswer, RawConnection, RawRequest
from tests.service.server_process import ServerProcess

BYTES = 40


@pytest.mark.parametrize("broken_first", [True, False])
def test_an_upload_that_dies_at_any_byte_leaves_the_other_one_of_the_same_chunk_whole(
    backend: Backend, tmp_path: Path, broken_first: bool
) -> None:
    server = ServerProcess(backend.place(tmp_path / "store"))
    server.start()
    api = server.api()
    job = api.start_backup_job("default", source_arn("s"), "arn:aws:iam::000000000000:role/backup").backup_job_id
    kept: dict[str, bytes] = {}
    for cut in range(BYTES):
        data = os.urandom(BYTES)
        good, broken = api.start_object(job, f"good-{cut}"), api.start_object(job, f"broken-{cut}")
        if broken_first:
            _dies(server, job, broken, data, cut)
        api.put_chunk(job, good, 0, data, hashlib.sha256(data).digest())
        if not broken_first:
            _dies(server, job, broken, data, cut)
        api.notify_object_complete(job, good, checksum.summary([hashlib.sha256(data).digest()]))
        kept[f"good-{cut}"] = data
    api.commit_backup_job(job, drop_open_uploads=True)
    api.close()
    server.kill()
    server.start()
    with closing(server.api()) as again:
        assert _contents(again) == kept
    assert server.stop() == 0


def _dies(server: ServerProcess, job: str, upload: str, data: bytes, cut: int) -> None:
    answer = _put_chunk(server, job, upload, data, data[:cut])
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "NotReadableInputStreamException")


def _put_chunk(server: ServerProcess, job: str, upload: str, data: bytes, sent: bytes) -> RawAnswer:
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(server.data / "credentials")
    key = profiles["default"]
    request = RawRequest("PUT", f"/backup-jobs/{job}/chunk/{upload}/0".encode())
    digest = checksum.encode(hashlib.sha256(data).digest())
    request.query = [
        (b"length", b"%d" % len(data)),
        (b"checksum", quote(digest, safe="").encode()),
        (b"checksum-algorithm", b"SHA256"),
    ]
    request.headers = [(b"host", server.url.removeprefix("http://").encode())]
    signature = sign(
        request.method,
        request.path,
        request.raw_query(),
        request.headers,
        hashlib.sha256(data).hexdigest(),
        key["aws_access_key_id"],
        key["aws_secret_access_key"],
        None,
        "anywhere",
        "backup-storage",
        time.time_ns() // 1000,
    )
    request.body, request.content_length = sent, len(data)
    with closing(RawConnection(server.url)) as connection:
        return connection.ask(request.encode(signature), half_close=True)


def _contents(api: Api) -> dict[str, bytes]:
    [point] = api.list_recovery_points_by_vault("default")
    restore = api.start_restore_job(point.recovery_point_arn)
    found = {}
    for entry in api.scan_objects(restore).object_list:
        chunks = api.list_chunks(restore, entry.object_token)
        found[entry.name] = b"".join(api.get_chunk(restore, chunk.chunk_token) for chunk in chunks)
    return found

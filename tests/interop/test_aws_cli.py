"""AWS CLI 1.33.6, the last that carried the service, drives a backup and a restore from a shell.

Its blobs are plain file paths and its answers JSON; only the commit is Holdfast's own, through the model that
`holdfast env` names.
"""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.environments import python_environment
from tests.interop.live_service import LiveService

Aws = Callable[..., Any]
VAULT = "from-the-shell"
ROLE = "arn:aws:iam::000000000000:role/backup"
NAMES = ["a/b c 100%+~日本語", "x/complete", "x/put-object", "complete", "put-object", "é", "e\u0301"]


@pytest.fixture(scope="module")
def aws_program(service: LiveService) -> Callable[..., subprocess.CompletedProcess[str]]:
    python = python_environment("awscli")
    environment = {**os.environ, **service.endpoint.environment(), "AWS_MAX_ATTEMPTS": "1", "PYTHONUTF8": "1"}
    aided = {**environment, "AWS_DATA_PATH": service.models()}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # Only the commit is given our models: everything else runs on what the release carries.
        chosen = aided if words[0] == "holdfast" else environment
        command = [python, python.parent / "aws", "--output", "json", *words]
        return subprocess.run(command, env=chosen, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def aws(aws_program: Callable[..., subprocess.CompletedProcess[str]]) -> Aws:
    def run(*words: str) -> Any:
        ran = aws_program(*words)
        assert ran.returncode == 0, f"aws {' '.join(words)}\n{ran.stderr}"
        return json.loads(ran.stdout) if ran.stdout.strip() else {}

    run("backup", "create-backup-vault", "--backup-vault-name", VAULT)
    return run


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def summary(*chunks: bytes) -> str:
    return sha256(b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))


def start_job(aws: Aws, source: str) -> str:
    arn = f"arn:aws:holdfast:local:000000000000:source/{source}"
    started = aws(
        "backup", "start-backup-job", "--backup-vault-name", VAULT, "--resource-arn", arn, "--iam-role-arn", ROLE
    )  # fmt: skip
    return str(started["BackupJobId"])


def commit(aws: Aws, job: str) -> str:
    return str(aws("holdfast", "commit-backup-job", "--backup-job-id", job)["RecoveryPointArn"])


def start_restore(aws: Aws, point: str) -> str:
    started = aws(
        "backup", "start-restore-job", "--recovery-point-arn", point, "--metadata", "{}", "--iam-role-arn", ROLE
    )  # fmt: skip
    return str(started["RestoreJobId"])


def put_inline(aws: Aws, job: str, name: str, file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return dict(
        aws(
            "backupstorage", "put-object", "--backup-job-id", job, "--object-name", name, "--inline-chunk", str(file),
            "--inline-chunk-length", str(len(data)), "--inline-chunk-checksum", sha256(data),
            "--inline-chunk-checksum-algorithm", "SHA256", "--metadata-string", "inline",
        )
    )  # fmt: skip


def put_chunked(aws: Aws, job: str, name: str, *files: Path) -> None:
    upload = aws("backupstorage", "start-object", "--backup-job-id", job, "--object-name", name)["UploadId"]
    chunks = [file.read_bytes() for file in files]
    for index, (file, chunk) in enumerate(zip(files, chunks, strict=True)):
        aws(
            "backupstorage", "put-chunk", "--backup-job-id", job, f"--upload-id={upload}", "--chunk-index", str(index),
            "--data", str(file), "--length", str(len(chunk)), "--checksum", sha256(chunk),
            "--checksum-algorithm", "SHA256",
        )  # fmt: skip
    blob = files[0]
    aws(
        "backupstorage", "notify-object-complete", "--backup-job-id", job, f"--upload-id={upload}",
        "--object-checksum", summary(*chunks), "--object-checksum-algorithm", "SUMMARY", "--metadata-string", "größe=1",
        "--metadata-blob", str(blob), "--metadata-blob-length", str(len(chunks[0])),
        "--metadata-blob-checksum", sha256(chunks[0]), "--metadata-blob-checksum-algorithm", "SHA256",
    )  # fmt: skip


def read(aws: Aws, job: str, token: str, folder: Path) -> list[bytes]:
    chunks = []
    listed = aws("backupstorage", "list-chunks", "--storage-job-id", job, f"--object-token={token}")["ChunkList"]
    for entry in listed:
        file = folder / "chunk"
        got = aws(
            "backupstorage", "get-chunk", "--storage-job-id", job, f"--chunk-token={entry['ChunkToken']}", str(file)
        )  # fmt: skip
        assert (got["Checksum"], got["Length"]) == (sha256(file.read_bytes()), entry["Length"])
        chunks.append(file.read_bytes())
    return chunks


def test_a_backup_and_a_restore_from_a_shell(aws: Aws, tmp_path: Path) -> None:
    small, large, empty = tmp_path / "small", tmp_path / "large", tmp_path / "empty"
    small.write_bytes(b"small \x00\xff")
    large.write_bytes(os.urandom(16 << 20))
    empty.write_bytes(b"")

    job = start_job(aws, "shell")
    for name in NAMES:
        put_inline(aws, job, name, small)
    put_inline(aws, job, "empty", empty)
    put_chunked(aws, job, "chunked/small first", small, large)
    point = commit(aws, job)

    restore = start_restore(aws, point)
    objects = {
        entry["Name"]: entry
        for entry in aws("backupstorage", "list-objects", "--storage-job-id", restore)["ObjectList"]
    }
    assert list(objects) == sorted([*NAMES, "empty", "chunked/small first"], key=str.encode)
    for name in NAMES:
        assert read(aws, restore, objects[name]["ObjectToken"], tmp_path) == [small.read_bytes()]
    assert read(aws, restore, objects["empty"]["ObjectToken"], tmp_path) == [b""]
    chunked = objects["chunked/small first"]
    assert chunked["MetadataString"] == "größe=1"
    assert read(aws, restore, chunked["ObjectToken"], tmp_path) == [small.read_bytes(), large.read_bytes()]
    blob = tmp_path / "blob"
    told = aws(
        "backupstorage", "get-object-metadata", "--storage-job-id", restore,
        f"--object-token={chunked['ObjectToken']}", str(blob)
    )  # fmt: skip
    assert blob.read_bytes() == small.read_bytes()
    assert told["MetadataBlobChecksum"] == sha256(small.read_bytes())
    assert told["MetadataString"].encode("latin-1").decode() == "größe=1"


def test_pages_and_filters_from_a_shell(aws: Aws, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    job = start_job(aws, "shell-pages")
    names = ["a/1", "a/2", "b"]
    for name in names:
        put_inline(aws, job, name, file)
    for size in ("1", "2", "3", "4"):
        listed: list[str] = []
        more: list[str] = []
        while True:
            page = aws("backupstorage", "list-objects", "--storage-job-id", job, "--max-results", size, *more)
            listed += [entry["Name"] for entry in page["ObjectList"]]
            if "NextToken" not in page:
                break
            more = [f"--next-token={page['NextToken']}"]
        assert listed == names
    filters: dict[str, list[str]] = {
        "--starting-object-prefix=a/": ["a/1", "a/2"],
        "--starting-object-name=a/2": ["a/2", "b"],
        "--created-before=2015-01-01": [],
        "--created-after=2015-01-01": names,
    }
    for words, wanted in filters.items():
        page = aws("backupstorage", "list-objects", "--storage-job-id", job, words)
        assert [entry["Name"] for entry in page["ObjectList"]] == wanted, words


def test_a_second_backup_from_a_shell_builds_on_the_first(aws: Aws, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    first = start_job(aws, "shell-series")
    for name in ("kept", "replaced", "deleted"):
        put_inline(aws, first, name, old)
    point = commit(aws, first)
    second = start_job(aws, "shell-series")
    assert aws("holdfast", "get-incremental-base-backup", "--backup-job-id", second)["RecoveryPointArn"] == point
    put_inline(aws, second, "replaced", new)
    aws("backupstorage", "delete-object", "--backup-job-id", second, "--object-name", "deleted")
    restore = start_restore(aws, commit(aws, second))
    listed = aws("backupstorage", "list-objects", "--storage-job-id", restore)["ObjectList"]
    found = {entry["Name"]: read(aws, restore, entry["ObjectToken"], tmp_path) for entry in listed}
    assert found == {"kept": [b"old"], "replaced": [b"new"]}


def test_errors_reach_the_shell_by_their_names(
    aws: Aws, aws_program: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    job = start_job(aws, "shell-errors")
    put_inline(aws, job, "there", file)
    put = ["backupstorage", "put-object", "--backup-job-id", job, "--inline-chunk", str(file)]
    attempts = {
        "ResourceNotFoundException": ["backupstorage", "list-objects", "--storage-job-id", "no-such-job"],
        "IllegalArgumentException": [*put, "--object-name", "o", "--inline-chunk-checksum", sha256(b"other")],
        "DataAlreadyExistsException": [*put, "--object-name", "there", "--throw-on-duplicate"],
    }
    for code, words in attempts.items():
        ran = aws_program(*words)
        assert ran.returncode != 0
        assert code in ran.stderr

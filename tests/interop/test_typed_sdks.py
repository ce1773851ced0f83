"""The AWS SDKs of typed languages that carry the service, unmodified, make a full round trip: Go v2, Java v2, Rust.

Each program writes and reads the same, and prints what it was answered; the lines must be the same as well.
"""

import base64
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import holdfast
from tests.interop.live_service import LiveService
from tests.interop.typed_sdks import go_program, java_program, rust_program

PROGRAMS = {"go": go_program, "java": java_program, "rust": rust_program}
DATA = {"PLAIN": b"plain data", "EMPTY": b"", "FIRST": b"first", "SECOND": b"second", "BLOB": b"\x00\x01\xfe\xff"}
ROLE = "arn:aws:iam::000000000000:role/backup"


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def summary(*chunks: bytes) -> str:
    return sha256(b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))


BOTH = summary(DATA["FIRST"], DATA["SECOND"])
CONFLICT = {
    # The model of PutChunk does not list this error: two of the SDKs give it by its code alone.
    "go": "refused without a type: DataAlreadyExistsException",
    "java": f"refused: data already exists, {sha256(DATA['FIRST'])} SHA256",
    "rust": "refused without a type: DataAlreadyExistsException",
}
WRITTEN = f"""\
put plain {sha256(DATA["PLAIN"])} SHA256 {summary(DATA["PLAIN"])} SUMMARY
put empty {sha256(b"")} SHA256 {summary(b"")} SUMMARY
put gone {sha256(DATA["PLAIN"])} SHA256 {summary(DATA["PLAIN"])} SUMMARY
chunk 0 {sha256(DATA["FIRST"])} SHA256
chunk 1 {sha256(DATA["SECOND"])} SHA256
CONFLICT
complete {BOTH} SUMMARY
refused: data already exists, {summary(DATA["PLAIN"])} SUMMARY
refused: illegal argument
refused: resource not found
"""
READ = f"""\
object empty {summary(b"")} SUMMARY 1
metadata ""  0
chunk 0 "" 0 0 {sha256(b"")} SHA256
object größe/日本 %2F {BOTH} SUMMARY 2
metadata "a note" 0001feff 4
chunk 0 "first" 5 5 {sha256(DATA["FIRST"])} SHA256
chunk 1 "second" 6 6 {sha256(DATA["SECOND"])} SHA256
object plain {summary(DATA["PLAIN"])} SUMMARY 1
metadata ""  0
chunk 0 "plain data" 10 10 {sha256(DATA["PLAIN"])} SHA256
"""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("language", PROGRAMS)
def test_an_sdk_of_a_typed_language_makes_a_full_round_trip(language: str, service: LiveService) -> None:
    program = PROGRAMS[language]()
    keys = {
        "aws_access_key_id": service.endpoint.access_key_id,
        "aws_secret_access_key": service.endpoint.secret_access_key,
    }
    session = holdfast.session(region_name="us-east-1", **keys)
    backup, ours = (session.client(name, endpoint_url=service.endpoint.url) for name in ("backup", "holdfast"))
    job = _job(backup, language)
    assert run(program, service, "write", job) == WRITTEN.replace("CONFLICT", CONFLICT[language]), service.log()
    point = ours.commit_backup_job(BackupJobId=job)["RecoveryPointArn"]
    restore = backup.start_restore_job(RecoveryPointArn=point, Metadata={}, IamRoleArn=ROLE)["RestoreJobId"]
    assert run(program, service, "read", restore) == READ, service.log()


def _job(backup: Any, language: str) -> str:
    source = f"arn:aws:holdfast:local:000000000000:source/{language}"
    started = backup.start_backup_job(BackupVaultName="default", ResourceArn=source, IamRoleArn=ROLE)
    return str(started["BackupJobId"])


def run(program: list[str | Path], service: LiveService, *words: str) -> str:
    environment = {
        **os.environ,
        **{f"SHA256_{name}": sha256(data) for name, data in DATA.items()},
        "SHA256_SUMMARY": BOTH,
        "HOLDFAST_URL": service.endpoint.url,
        "AWS_ACCESS_KEY_ID": service.endpoint.access_key_id,
        "AWS_SECRET_ACCESS_KEY": service.endpoint.secret_access_key,
    }
    ran = subprocess.run([*program, *words], env=environment, capture_output=True, encoding="utf-8", timeout=280)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\nThe service said:\n{service.log()}"
    return ran.stdout

"""The root key under a key of a real KMS server: moto, in an environment of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import holdfast
from holdfast.keys import root_file
from holdfast.keys.kms import KmsProtection
from holdfast.keys.root_file import UnderKms
from holdfast.model.errors import UnusableKey
from tests.interop.environments import python_environment
from tests.interop.live_service import LiveService

ROOT = b"r" * 32
SECONDS_MAX = 60
SOURCE = "arn:aws:holdfast:local:000000000000:source/x"
ROLE = "arn:aws:iam::000000000000:role/agent"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [python_environment("kms"), "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    said: list[str] = []
    try:
        for line in server.stdout:
            said.append(line)
            if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                yield found[1]
                return
        raise AssertionError(f"the KMS server did not start; it said:\n{''.join(said)}")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SHARED_CREDENTIALS_FILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_KMS", url),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def kms(environment: None) -> Any:
    return boto3.client("kms")


def test_a_root_key_goes_under_the_key_and_comes_back_and_nowhere_else(kms: Any) -> None:
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName="alias/backups", TargetKeyId=key.rpartition("/")[2])
    file = KmsProtection("alias/backups").seal(ROOT)
    assert isinstance(file, UnderKms)
    assert file.key_arn == key
    assert ROOT not in file.ciphertext
    assert KmsProtection().open(root_file.decode(root_file.encode(file))) == ROOT
    for altered in (
        UnderKms(other, file.store, file.root_id, file.ciphertext),
        UnderKms(key, b"S" * 16, file.root_id, file.ciphertext),
        UnderKms(key, file.store, b"i" * 8, file.ciphertext),
        UnderKms(key, file.store, file.root_id, file.ciphertext[:-1] + bytes([file.ciphertext[-1] ^ 1])),
        UnderKms(key.replace(key[-4:], "0000"), file.store, file.root_id, file.ciphertext),
    ):
        with pytest.raises(UnusableKey):
            KmsProtection().open(altered)


def test_a_key_that_is_disabled_or_to_be_deleted_opens_nothing_until_it_is_enabled_again(kms: Any) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    file = KmsProtection(key_id).seal(ROOT)
    for forbid, allow, state in (
        (kms.disable_key, kms.enable_key, "Disabled"),
        (kms.schedule_key_deletion, kms.cancel_key_deletion, "PendingDeletion"),
    ):
        forbid(KeyId=key_id)
        with pytest.raises(UnusableKey, match=state):
            KmsProtection().open(file)
        allow(KeyId=key_id)
        kms.enable_key(KeyId=key_id)
        assert KmsProtection().open(file) == ROOT


def test_a_service_stops_using_its_keys_when_the_kms_says_so_and_goes_on_when_it_allows_it(
    kms: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    monkeypatch.setenv("HOLDFAST_KMS_KEY", key_id)
    monkeypatch.setenv("HOLDFAST_KMS_CHECK", "1")
    data = tmp_path / "data"
    with serving(data) as (storage, job):
        put(storage, job, "before")
        assert isinstance(root_file.decode((data / "root.key").read_bytes()), UnderKms)
        kms.disable_key(KeyId=key_id)
        refusal = eventually(lambda: refused(storage, job))
        assert refusal.response["Error"]["Code"] == "KMSInvalidKeyUsageException"
        assert "Disabled" in refusal.response["Error"]["Message"]
        with pytest.raises(ClientError):
            storage.list_objects(StorageJobId=job)
        kms.enable_key(KeyId=key_id)
        eventually(lambda: refused(storage, job) is None)
        listed = [entry["Name"] for entry in storage.list_objects(StorageJobId=job)["ObjectList"]]
        assert {"before", "probe"} <= set(listed)
    kms.schedule_key_deletion(KeyId=key_id)
    command = [sys.executable, "-m", "holdfast", "vault", "list", "--store", data]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "PendingDeletion: enable it, or cancel its deletion" in ran.stderr


@contextmanager
def serving(data: Path) -> Iterator[tuple[Any, str]]:
    """A client of a service over `data` and a backup job in it."""
    with LiveService(data) as service:
        access = {
            "aws_access_key_id": service.endpoint.access_key_id,
            "aws_secret_access_key": service.endpoint.secret_access_key,
        }
        session = holdfast.session(**access, region_name="us-east-1")
        backup = session.client("backup", endpoint_url=service.endpoint.url)
        started = backup.start_backup_job(BackupVaultName="default", ResourceArn=SOURCE, IamRoleArn=ROLE)
        yield session.client("backupstorage", endpoint_url=service.endpoint.url), started["BackupJobId"]
        backup.stop_backup_job(BackupJobId=started["BackupJobId"])


def put(storage: Any, job: str, name: str) -> None:
    storage.put_object(BackupJobId=job, ObjectName=name, InlineChunk=b"data")


def refused(storage: Any, job: str) -> ClientError | None:
    try:
        put(storage, job, "probe")
    except ClientError as error:
        return error
    return None


def eventually(wanted: Callable[[], Any]) -> Any:
    """What `wanted` gives once it gives something."""
    give_up = time.monotonic() + SECONDS_MAX
    while not (got := wanted()):
        assert time.monotonic() < give_up, "the service did not notice"
        time.sleep(0.1)
    return got

import subprocess
import sys
from dataclasses import replace

import pytest

from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_check import BucketFindings
from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import AlreadyExists, Unavailable
from holdfast.testing.blob_store_suite import BlobStoreSuite
from scripts.servers.rgw import RadosGateway

MIB = 1 << 20


class TestS3Blobs(BlobStoreSuite):
    @pytest.fixture
    def store(self, bucket: S3Options) -> S3Blobs:
        return S3Blobs(bucket)


class TestS3BlobsBelowAPrefix(BlobStoreSuite):
    @pytest.fixture
    def store(self, bucket: S3Options) -> S3Blobs:
        S3Blobs(bucket).put("some/wherever", b"not below the prefix")
        return S3Blobs(replace(bucket, prefix="some/where"))


@pytest.fixture
def blobs(bucket: S3Options) -> S3Blobs:
    return S3Blobs(bucket)


def test_parts_of_every_kind_become_one_object(blobs: S3Blobs, rgw_server: RadosGateway) -> None:
    parts = [bytes([i % 256]) * (i % 5) for i in range(10_000)]
    blobs.put_new("packs/one", [bytearray(b"head"), b"", memoryview(b"xbodyx")[1:5], *parts])
    assert blobs.get("packs/one") == b"headbody" + b"".join(parts)
    blobs.put_new("packs/none", [])
    assert blobs.get("packs/none") == b""
    blobs.put_new("packs/plain", bytearray(9 * MIB))
    assert blobs.size("packs/plain") == 9 * MIB
    uploads = rgw_server.client().list_multipart_uploads(Bucket=blobs.options.bucket).get("Uploads", [])
    assert uploads == [], "nothing is sent in parts that could stay behind"


def test_a_bucket_says_whether_it_answers(blobs: S3Blobs) -> None:
    blobs.ping()
    with pytest.raises(Unavailable):
        S3Blobs(replace(blobs.options, bucket="there-is-none-of-that-name", patience_seconds=0.1)).ping()


def test_a_buffer_is_its_owners_again_when_a_write_returns(blobs: S3Blobs) -> None:
    buffer = bytearray(b"data")
    blobs.put("one", buffer)
    blobs.put_new("two", [buffer])
    buffer.extend(b"more")
    assert (blobs.get("one"), blobs.get("two")) == (b"data", b"data")


def test_a_name_that_nobody_else_uses_is_written_as_often_as_need_be(blobs: S3Blobs) -> None:
    blobs.put_new("packs/one", b"data")
    blobs.put_new("packs/one", b"data")
    with pytest.raises(AlreadyExists):
        blobs.put("packs/one", b"data")


def test_settling_asks_nothing_and_a_closed_store_opens_again(blobs: S3Blobs) -> None:
    blobs.put("one", b"data")
    blobs.settle("one")
    blobs.settle("none")
    blobs.close()
    assert blobs.get("one") == b"data"


def test_what_others_keep_below_the_prefix_under_no_name_of_ours_is_not_listed(
    blobs: S3Blobs, rgw_server: RadosGateway
) -> None:
    blobs.put("packs/one", b"data")
    for key in ("packs/a b", "packs/.hidden", "packs/\u00e9"):
        rgw_server.client().put_object(Bucket=blobs.options.bucket, Key=key, Body=b"theirs")
    assert list(blobs.list("")) == ["packs/one"]


def test_a_good_bucket_has_nothing_to_complain_of_and_keeps_nothing(bucket: S3Options, blobs: S3Blobs) -> None:
    found = blobs.check()
    assert found.complaints == ()
    assert found.refuses_taken_names
    assert found.lists_in_order
    assert abs(found.clock_ahead_seconds) < 2
    assert found.get_seconds > 0
    assert found.put_seconds > 0
    assert list(blobs.list("")) == []


def test_a_bucket_that_keeps_versions_is_complained_of(blobs: S3Blobs, rgw_server: RadosGateway) -> None:
    name = blobs.options.bucket
    client = rgw_server.client()
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # On such a bucket, Ceph also writes over names that are taken; that is found as well.
    assert "turn versioning off" in " ".join(blobs.check().complaints)
    for kept in (
        entry for kind in ("Versions", "DeleteMarkers") for entry in client.list_object_versions(Bucket=name)[kind]
    ):
        client.delete_object(Bucket=name, Key=kept["Key"], VersionId=kept["VersionId"])


def test_each_finding_that_is_not_good_is_complained_of() -> None:
    found = BucketFindings(
        refuses_taken_names=False,
        lists_in_order=False,
        keeps_versions=False,
        put_seconds=0.01,
        get_seconds=0.01,
        clock_ahead_seconds=-600.0,
    )
    assert [complaint.split(":")[0] for complaint in found.complaints] == [
        "it writes over names that are taken although told not to (If-None-Match)",
        "it does not list names in order",
        "its clock and this machine's differ by 600 s",
    ]


def test_a_store_that_lists_in_another_order_is_not_believed(blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_page", lambda above, after: ("packs/b", "packs/a"))
    with pytest.raises(Unavailable, match="lists packs/a after packs/b: it does not keep names in order"):
        list(blobs.list("packs/"))


def run(program: str) -> str:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.strip()


def test_a_bucket_opened_before_a_fork_is_refused_after_it_and_does_not_hang() -> None:
    program = """
import os
from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_options import S3Options
blobs = S3Blobs(S3Options("bucket", endpoint="http://127.0.0.1:1", patience_seconds=0.1))
child = os.fork()
try:
    blobs.get("one")
except Exception as error:
    if child == 0:
        print(type(error).__name__, error)
if child:
    os.wait()
"""
    assert run(program).startswith("Internal a bucket that was opened before a fork")


def test_a_store_in_a_directory_needs_no_library_for_buckets() -> None:
    modules = ("local", "port", "cached", "s3_options", "s3", "s3_check")
    program = "; ".join(f"import holdfast.blobs.{module}" for module in modules)
    assert run(f"{program}; import sys; print('obstore' in sys.modules)") == "False"


def test_the_environment_of_other_programs_changes_nothing_that_was_given(
    bucket: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_SESSION_TOKEN": "of-somebody-else",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": "eu-west-1",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_CONDITIONAL_PUT": "disabled",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_BUCKET": "another",
    }.items():
        monkeypatch.setenv(name, value)
    blobs = S3Blobs(bucket)
    blobs.put("one", b"data")
    with pytest.raises(AlreadyExists):
        blobs.put("one", b"data")
    monkeypatch.undo()
    assert S3Blobs(bucket).get("one") == b"data"


def test_credentials_that_were_not_given_are_those_of_the_environment(
    bucket: S3Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(bucket.access_key_id))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(bucket.secret_access_key))
    blobs = S3Blobs(replace(bucket, access_key_id=None, secret_access_key=None))
    blobs.put("one", b"data")
    assert blobs.get("one") == b"data"

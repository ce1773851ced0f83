import os
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from holdfast.blobs.s3_options import S3Options
from scripts.servers.rgw import RadosGateway

MIB = 1 << 20


def status_of(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def client(rgw_server: RadosGateway) -> Any:
    return rgw_server.client()


def test_an_object_is_put_read_whole_and_in_part_listed_and_deleted(client: Any, bucket: S3Options) -> None:
    body = os.urandom(3 * MIB)
    client.put_object(Bucket=bucket.bucket, Key="packs/a", Body=body)
    assert client.get_object(Bucket=bucket.bucket, Key="packs/a")["Body"].read() == body
    part = client.get_object(Bucket=bucket.bucket, Key="packs/a", Range="bytes=1000-1999")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["Body"].read() == body[1000:2000]
    listed = client.list_objects_v2(Bucket=bucket.bucket, Prefix="packs/")["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [("packs/a", len(body))]
    client.delete_object(Bucket=bucket.bucket, Key="packs/a")
    with pytest.raises(ClientError) as gone:
        client.get_object(Bucket=bucket.bucket, Key="packs/a")
    assert status_of(gone) == 404


def test_a_multipart_upload_is_one_object(client: Any, bucket: S3Options) -> None:
    where = {"Bucket": bucket.bucket, "Key": "large"}
    parts = [os.urandom(5 * MIB), os.urandom(MIB)]
    upload = client.create_multipart_upload(**where)["UploadId"]
    made = [
        {"PartNumber": n, "ETag": client.upload_part(**where, UploadId=upload, PartNumber=n, Body=part)["ETag"]}
        for n, part in enumerate(parts, 1)
    ]
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": made})
    assert client.get_object(**where)["Body"].read() == b"".join(parts)


def test_a_put_that_must_not_overwrite_does_not(client: Any, bucket: S3Options) -> None:
    client.put_object(Bucket=bucket.bucket, Key="once", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket.bucket, Key="once", Body=b"second", IfNoneMatch="*")
    assert status_of(refused) == 412
    assert client.get_object(Bucket=bucket.bucket, Key="once")["Body"].read() == b"first"


def test_a_wrong_secret_and_a_missing_bucket_are_refused(bucket: S3Options, client: Any) -> None:
    stranger = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=bucket.bucket)
    stranger.close()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client.put_object(Bucket=bucket.bucket + "-not", Key="a", Body=b"")


def test_a_bucket_is_dropped_with_all_that_is_in_it(rgw_server: RadosGateway, client: Any) -> None:
    name = rgw_server.new_bucket()
    client.put_object(Bucket=name, Key="a b/ü", Body=b"1")
    client.create_multipart_upload(Bucket=name, Key="never finished")
    rgw_server.drop_bucket(name)
    assert name not in [one["Name"] for one in client.list_buckets()["Buckets"]]


def test_two_stand_side_by_side_and_one_keeps_its_objects_when_its_gateway_is_killed(rgw_server: RadosGateway) -> None:
    with RadosGateway() as other:
        assert other.endpoint != rgw_server.endpoint
        name = other.new_bucket()
        other.client().put_object(Bucket=name, Key="kept", Body=b"here")
        endpoint = other.endpoint
        other.stop()
        impatient = Config(retries={"total_max_attempts": 1})
        caller = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=other.region,
            aws_access_key_id=other.access_key,
            aws_secret_access_key=other.secret_key,
            config=impatient,
        )
        with pytest.raises(EndpointConnectionError):
            caller.get_object(Bucket=name, Key="kept")
        other.start()
        assert other.endpoint == endpoint
        assert caller.get_object(Bucket=name, Key="kept")["Body"].read() == b"here"
        caller.close()

"""Our model files are all that today's boto3 needs: found through AWS_DATA_PATH, pointed by AWS's own variables."""

import boto3
import botocore.exceptions
import pytest

from holdfast.wire import specs

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret", "region_name": "anywhere-1"}


@pytest.fixture(autouse=True)
def our_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", str(specs.data_path()))


@pytest.mark.parametrize("service", ["backupstorage", "holdfast"])
def test_boto3_makes_a_client_from_the_model_files(service: str) -> None:
    session = boto3.session.Session(**KEYS)
    assert service in session.get_available_services()
    client = session.client(service, endpoint_url="http://127.0.0.1:9220")
    assert client.meta.service_model.signing_name == "backup-storage"


@pytest.mark.parametrize("service", ["backupstorage", "holdfast"])
def test_the_endpoint_comes_from_the_variable_of_the_service(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", "http://store.example:9220")
    client = boto3.session.Session(**KEYS).client(service)
    assert client.meta.endpoint_url == "http://store.example:9220"
    url = client.generate_presigned_url(*PRESIGNED[service])
    assert url.startswith("http://store.example:9220/restore-jobs/j%2F1/")


PRESIGNED = {
    "backupstorage": ("get_chunk", {"StorageJobId": "j/1", "ChunkToken": "t"}),
    "holdfast": ("scan_objects", {"StorageJobId": "j/1"}),
}


def test_a_base_path_of_the_endpoint_is_kept() -> None:
    client = boto3.session.Session(**KEYS).client("backupstorage", endpoint_url="http://store.example/base/")
    url = client.generate_presigned_url(*PRESIGNED["backupstorage"])
    assert url.startswith("http://store.example/base/restore-jobs/j%2F1/chunk/t?")


def test_without_an_endpoint_nothing_is_sent_to_amazon() -> None:
    client = boto3.session.Session(**KEYS).client("backupstorage")
    with pytest.raises(botocore.exceptions.EndpointResolutionError, match="AWS_ENDPOINT_URL_BACKUPSTORAGE"):
        client.get_chunk(StorageJobId="j", ChunkToken="t")

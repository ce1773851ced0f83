"""`holdfast.session()`: today's boto3 with the models that AWS took out of it."""

import subprocess
import sys

import boto3

import holdfast

KEYS = {"aws_access_key_id": "AK", "aws_secret_access_key": "SK", "region_name": "us-east-1"}


def test_boto3_gets_the_withdrawn_service_back() -> None:
    session = holdfast.session(**KEYS)
    assert isinstance(session, boto3.Session)
    client = session.client("backupstorage", endpoint_url="http://127.0.0.1:9220")
    assert client.meta.service_model.api_version == "2018-04-10"
    assert len(client.meta.service_model.operation_names) == 9
    assert client.can_paginate("list_objects")
    own = session.client("holdfast", endpoint_url="http://127.0.0.1:9220")
    assert "CommitBackupJob" in own.meta.service_model.operation_names
    assert session.client("backup", endpoint_url="http://127.0.0.1:9220").meta.service_model.signing_name == "backup"


def test_our_package_does_not_load_boto3_until_it_is_asked_to() -> None:
    modules = "holdfast, holdfast.client.http, holdfast.client.profile, holdfast.client.api"
    code = f"import sys, {modules}; sys.exit(any(name in sys.modules for name in ('boto3', 'botocore', 'ssl')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

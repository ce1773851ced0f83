"""What all tests share: nothing of the caller's AWS configuration reaches a test; and servers that are started once."""

import os

import pytest

from tests.backends import backend, shared_servers
from tests.lengths import mark_long
from tests.real_servers import bucket, own_postgres_server, postgres_server, postgres_url, rgw_server

__all__ = [
    "backend",
    "bucket",
    "own_postgres_server",
    "postgres_server",
    "postgres_url",
    "rgw_server",
    "shared_servers",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark_long(item)


_KEPT = {"AWS_CA_BUNDLE", "HOLDFAST_SIGV4_VECTORS"}  # how this machine reaches a registry; where test vectors lie

for name in [name for name in os.environ if name.startswith(("AWS_", "HOLDFAST_")) and name not in _KEPT]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # no client of ours or of others may look for a cloud around it
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

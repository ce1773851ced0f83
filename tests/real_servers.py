"""Fixtures of real servers: each test process starts its own when the first test asks, and ends it after the last.

Where a server cannot be had the test is skipped, saying why; in CI that is a failure.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, TypeVar

import pytest

from holdfast.blobs.s3_options import S3Options
from scripts.servers.not_here import NotHere
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway

S = TypeVar("S")


def missing(reason: NotHere) -> NoReturn:
    """End the test for want of a server."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI every server must be there: {reason}")
    pytest.skip(str(reason))


@contextmanager
def _running(make: Callable[[], AbstractContextManager[S]]) -> Iterator[S]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(make())
        except NotHere as reason:
            missing(reason)
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL that all tests of this process share."""
    with _running(Postgres) as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL for one test alone, which may stop it."""
    with _running(Postgres) as server:
        yield server


@pytest.fixture(scope="session")
def rgw_server() -> Iterator[RadosGateway]:
    """An S3 server that all tests of this process share."""
    with _running(RadosGateway) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The address of an empty database."""
    name = postgres_server.new_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def bucket(rgw_server: RadosGateway) -> Iterator[S3Options]:
    """How an empty bucket is reached."""
    name = rgw_server.new_bucket()
    yield S3Options(
        bucket=name,
        endpoint=rgw_server.endpoint,
        region=rgw_server.region,
        access_key_id=rgw_server.access_key,
        secret_access_key=rgw_server.secret_key,
    )
    rgw_server.drop_bucket(name)

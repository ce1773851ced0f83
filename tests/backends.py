"""The two kinds of store that every test of the service runs on, by parameter.

`embedded` is SQLite and files in the test's own folder; `shared` is a database of its own on a real PostgreSQL and a
prefix of its own in a bucket of a real S3 server. A test asks the fixture `backend` for a `Place` for its folder; parts
are opened on it as the service opens them, and it says what lies there and damages it without knowing where that is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from holdfast.app.config import StoreOptions
from holdfast.app.directory import CATALOG_NAME
from holdfast.app.places import open_blobs, open_catalog, schema_spoken
from holdfast.app.writing import Packs
from holdfast.blobs.cached import CachedReads
from holdfast.blobs.disk import RoomyDisk
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.s3 import S3Blobs
from holdfast.catalog import packs as pack_rows
from holdfast.catalog.port import Catalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Tx
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.packs import PACK_BYTES_MAX_DEFAULT, PackSet
from holdfast.chunks.store import ChunkStore
from holdfast.chunks.whole_packs import WholePacks
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.shared_servers import Servers

KINDS = ("embedded", "shared")

_RESERVE_BYTES = 1 << 20


class Place(ABC):
    """Where one store is. Nothing is open until it is asked for; everything may be opened any number of times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers: list[Any] = []
        """What may still hold bytes of a blob, or its file, after the blob was damaged."""

    @abstractmethod
    def options(self, **more: Any) -> StoreOptions:
        """To open a `System` with; `more` are further fields of the options."""

    @abstractmethod
    def arguments(self) -> list[str]:
        """The words of `holdfast serve` for it, without --data."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What such a command needs in its environment."""

    @abstractmethod
    def packs(self, blobs: Any, writer: Writer, *, pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT) -> Packs:
        """What fills packs, as the service chooses it."""

    @abstractmethod
    def chunks(self, blobs: Any) -> ChunkStore:
        """What reads frames, as the service does."""

    @abstractmethod
    def lose_catalog(self) -> None:
        """The catalog is gone, as if there had never been one. For when nobody has it open."""

    @abstractmethod
    def everything(self) -> bytes:
        """All that catalog and blobs hold, in whatever order. For when nobody has the store open."""

    @abstractmethod
    def clear(self) -> None:
        """What would outlive the test's folder is removed."""

    def catalog(self) -> Catalog:
        """The catalog, made if it is not there."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_catalog(self.options())

    def blobs(self, disk: RoomyDisk | None = None) -> Any:
        """The blobs. `disk`, where they are files, is the way to it."""
        return open_blobs(self.options(), disk=disk).blobs

    def writer(self, catalog: Catalog, now_us: int) -> Writer:
        """Begins to write: alone, or beside others."""
        options = self.options()
        return Writer(catalog, now_us, joins=options.catalog is not None, speaks=schema_spoken(options))

    def commits(self, packs: Packs, catalog: Catalog) -> GroupCommit[Tx]:
        """Group commit with as many lanes as the catalog allows."""
        options = self.options().commits
        return GroupCommit(packs, catalog, options, lanes=options.lanes if catalog.parallel else 1)

    def node(self, name: str, **more: Any) -> StoreOptions:
        """The options of one more node of the store: with a directory of its own, and the first one's keys."""
        keys = {"root_key_file": self.folder / "root.key", "credentials_file": self.folder / "credentials"}
        return replace(self.options(**(keys | more)), directory=self.folder.with_name(f"{self.folder.name}-{name}"))

    def names(self, prefix: str = "packs/") -> list[str]:
        """The blobs whose names begin so."""
        with closing(self.blobs()) as blobs:
            return list(blobs.list(prefix))

    def read_blob(self, name: str) -> bytes:
        """All bytes of a blob, as they lie there."""
        with closing(self.blobs()) as blobs:
            data: bytes = blobs.get(name)
            return data

    def overwrite(self, name: str, data: bytes) -> None:
        """Other bytes under the name of a blob; readers of this process remember nothing of the old ones."""
        self._overwrite(name, data)
        self._forget()

    def flip(self, name: str, offset: int, bit: int = 0) -> None:
        """One bit of a blob; a negative offset counts from its end."""
        data = bytearray(self.read_blob(name))
        data[offset] ^= 1 << bit
        self.overwrite(name, bytes(data))

    def remove(self, name: str) -> None:
        """A blob goes without anybody being told."""
        with closing(self.blobs()) as blobs:
            blobs.delete(name)
        self._forget()

    def _forget(self) -> None:
        for reader in self._readers:
            reader.close()

    @abstractmethod
    def _overwrite(self, name: str, data: bytes) -> None: ...


class Backend(ABC):
    """One kind of store. Its places are forgotten when the test is over."""

    kind: str

    def __init__(self) -> None:
        self._places: dict[Path, Place] = {}

    def place(self, folder: Path) -> Place:
        """The place of the store whose (first) directory is `folder`; the same one for the same folder."""
        if folder not in self._places:
            self._places[folder] = self._make(folder)
        return self._places[folder]

    @property
    def is_shared(self) -> bool:
        """Whether any number of processes may have a store open."""
        return self.kind == "shared"

    def clear(self) -> None:
        """Forget all places, and what lies there."""
        while self._places:
            self._places.popitem()[1].clear()

    @abstractmethod
    def _make(self, folder: Path) -> Place: ...


class EmbeddedPlace(Place):
    """SQLite and files below one folder."""

    def options(self, **more: Any) -> StoreOptions:
        return StoreOptions(**({"directory": self.folder, "reserve_bytes": _RESERVE_BYTES} | more))

    def arguments(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {}

    def blobs(self, disk: RoomyDisk | None = None) -> LocalBlobs:
        local = open_blobs(self.options(), disk=disk).local
        assert local is not None
        self._readers.append(local)
        return local

    def chunks(self, blobs: Any) -> ChunkStore:
        return ChunkStore(blobs)

    def packs(self, blobs: Any, writer: Writer, *, pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT) -> Packs:
        return PackSet(blobs, writer.register, pack_bytes_max=pack_bytes_max)

    def path(self, name: str) -> Path:
        """The file of a blob."""
        return self.folder / "blobs" / name

    def _overwrite(self, name: str, data: bytes) -> None:
        self.path(name).write_bytes(data)

    def lose_catalog(self) -> None:
        for file in self.folder.glob(f"{CATALOG_NAME}*"):
            file.unlink()

    def everything(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    def clear(self) -> None:
        """It goes with the test's folder."""


class EmbeddedBackend(Backend):
    """Nothing but the test's folder."""

    kind = "embedded"

    def _make(self, folder: Path) -> Place:
        return EmbeddedPlace(folder)


class SharedPlace(Place):
    """A database and a prefix of a bucket; `folder` is the directory of the first node."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        super().__init__(folder)
        self._servers = servers
        self.database = servers.take_database()
        self._is_as_taken = True
        self.bucket = servers.new_prefix()

    @property
    def url(self) -> str:
        """The database's address, over its socket."""
        return self._servers.postgres.url(self.database)

    def options(self, **more: Any) -> StoreOptions:
        places = {"directory": self.folder, "catalog": PostgresOptions(self.url), "bucket": self.bucket}
        return StoreOptions(**(places | more))

    def arguments(self) -> list[str]:
        bucket = self.bucket
        blobs = ["--blobs", f"s3://{bucket.bucket}/{bucket.prefix}", "--s3-endpoint", str(bucket.endpoint)]
        return ["--catalog", self.url, *blobs, "--s3-region", bucket.region]

    def environment(self) -> dict[str, str]:
        return {
            "HOLDFAST_S3_ACCESS_KEY_ID": str(self.bucket.access_key_id),
            "HOLDFAST_S3_SECRET_ACCESS_KEY": str(self.bucket.secret_access_key),
        }

    def packs(self, blobs: Any, writer: Writer, *, pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT) -> Packs:
        return WholePacks(blobs, writer, pack_rows.measure_whole, pack_bytes_max=pack_bytes_max)

    def chunks(self, blobs: Any) -> ChunkStore:
        cached = CachedReads(blobs, self.options().read_cache_bytes)
        self._readers.append(cached)
        return ChunkStore(cached, fresh=blobs)

    def _overwrite(self, name: str, data: bytes) -> None:
        with closing(S3Blobs(self.bucket)) as blobs:
            blobs.put_new(name, data)

    def lose_catalog(self) -> None:
        self._is_as_taken = False
        self._servers.empty(self.database)

    def everything(self) -> bytes:
        found = [self.read_blob(name) for name in self.names("")]
        with psycopg.connect(self.url) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'holdfast'").fetchall()
            for (table,) in tables:
                # In this form bytes are written as they are.
                with connection.cursor().copy(f"COPY holdfast.{table} TO STDOUT (FORMAT binary)".encode()) as copy:
                    found += map(bytes, copy)
        return b"".join(found)

    def clear(self) -> None:
        if self._is_as_taken:
            self._servers.give_back(self.database)
        else:
            self._servers.postgres.drop_database(self.database)
        self._servers.clear(self.bucket)


class SharedBackend(Backend):
    """PostgreSQL and a bucket."""

    kind = "shared"

    def __init__(self, servers: Servers) -> None:
        super().__init__()
        self.servers = servers

    def _make(self, folder: Path) -> Place:
        return SharedPlace(folder, self.servers)


def embedded_only(reason: str) -> pytest.MarkDecorator:
    """For a test of what only files and SQLite have; `reason` says what."""
    assert reason
    return pytest.mark.parametrize("backend", ["embedded"], indirect=True)


def shared_only(reason: str) -> pytest.MarkDecorator:
    """For a test of what only PostgreSQL and a bucket have; `reason` says what."""
    assert reason
    return pytest.mark.parametrize("backend", ["shared"], indirect=True)


@contextmanager
def backend_of(request: pytest.FixtureRequest, kind: str) -> Iterator[Backend]:
    """For fixtures of wider scopes: a backend of that kind, until they end."""
    with ExitStack() as stack:
        made = EmbeddedBackend() if kind == "embedded" else SharedBackend(request.getfixturevalue("shared_servers"))
        stack.callback(made.clear)
        yield made


@pytest.fixture(scope="session")
def shared_servers(postgres_server: Postgres, rgw_server: RadosGateway) -> Servers:
    """The servers under all shared places of this process."""
    return Servers(postgres_server, rgw_server)


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each kind of store in turn."""
    with backend_of(request, request.param) as made:
        yield made

"""Where a filled vault lies: a store's directory with its catalog in a file, or in a PostgreSQL of its own."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.scaling.loader import Loader
from bench.scaling.postgres_loader import PostgresLoader
from bench.scaling.processes import parent
from bench.scaling.sqlite_loader import SqliteLoader
from holdfast.app.config import StoreOptions
from holdfast.app.directory import CATALOG_NAME
from holdfast.catalog.postgres_connections import connect
from holdfast.catalog.postgres_options import PostgresOptions
from scripts.servers.postgres import Postgres
from scripts.service_process import HOLDFAST, ServiceProcess

SQLITE, POSTGRES = "SQLite", "PostgreSQL"

# As docs/deploy.md says to run it: what is committed survives a power cut.
_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "lz4",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A store on one of the catalogs."""

    directory: Path
    catalog: PostgresOptions | None
    server_pid: int | None = None
    """Of the database's server."""

    @property
    def options(self) -> StoreOptions:
        """For a system within this process."""
        return StoreOptions(self.directory, catalog=self.catalog)

    def loader(self) -> AbstractContextManager[Loader]:
        """The way to fill the catalog."""
        if self.catalog is None:
            return SqliteLoader(self.directory / CATALOG_NAME)
        return PostgresLoader(self.catalog)

    def service(self) -> ServiceProcess:
        """A service of its own process over the store."""
        if self.catalog is None:
            return ServiceProcess(self.directory)
        return ServiceProcess(self.directory, ["env", f"HOLDFAST_CATALOG={self.catalog.url}", *HOLDFAST])


@contextmanager
def new_place(catalog: str, directory: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Place]:
    """An empty store in `directory`, which does not exist yet. `settings` are PostgreSQL's, beyond what is usual."""
    with ExitStack() as closing:
        if catalog == SQLITE:
            yield Place(directory, None)
            return
        server = closing.enter_context(Postgres(settings=_SETTINGS | dict(settings)))
        options = PostgresOptions(server.url(server.new_database()))
        with connect(options) as connection:
            server_pid = parent(connection.info.backend_pid)
        yield Place(directory, options, server_pid)

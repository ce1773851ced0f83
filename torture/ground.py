"""Where a store under attack lies: in a directory, or on PostgreSQL and in a bucket.

A ground is a plain value, so that it can be handed to another process. It says what lies there and damages it without
opening the store, and it keeps nothing open: whoever forks after that takes nothing of anybody's along.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from holdfast.app.config import StoreOptions
from holdfast.blobs.s3_options import S3Options
from holdfast.catalog.postgres_options import PostgresOptions

_HANG_UP = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class Ground(Protocol):
    """One store, whose (first) directory is `folder`."""

    @property
    def folder(self) -> Path: ...

    @property
    def is_shared(self) -> bool:
        """Whether many processes may have it open; then a process that used it must not be forked."""

    def options(self, **more: Any) -> StoreOptions:
        """To open it with; `more` are further fields."""

    def names(self, prefix: str = "packs/") -> list[str]:
        """The blobs whose names begin so, in their order."""

    def read_blob(self, name: str) -> bytes:
        """All bytes of a blob."""

    def flip(self, name: str, offset: int, mask: int) -> None:
        """Turns those bits of one byte of a blob."""

    def lose_catalog(self) -> None:
        """The catalog is gone. Nobody has it open."""

    def forget_replaced(self) -> None:
        """Catalogs that a rebuild has put aside go."""

    def hang_up(self) -> None:
        """Whatever somebody was about who was killed has happened, or will not happen any more."""

    def bury(self) -> None:
        """The same; and it is known that he is dead, as in time others find out."""


@dataclass(frozen=True, slots=True)
class DirectoryGround:
    """SQLite and files below one folder."""

    folder: Path
    is_shared: bool = False

    def options(self, **more: Any) -> StoreOptions:
        return StoreOptions(self.folder, **more)

    def names(self, prefix: str = "packs/") -> list[str]:
        blobs = self.folder / "blobs"
        found = (path.relative_to(blobs).as_posix() for path in blobs.rglob("*") if path.is_file())
        return sorted(name for name in found if name.startswith(prefix))

    def read_blob(self, name: str) -> bytes:
        return self._path(name).read_bytes()

    def flip(self, name: str, offset: int, mask: int) -> None:
        with self._path(name).open("r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ mask]))

    def lose_catalog(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"catalog{suffix}").unlink(missing_ok=True)

    def forget_replaced(self) -> None:
        for file in self.folder.glob("catalog.replaced*"):
            file.unlink()

    def hang_up(self) -> None:
        """Nothing happens after the end of a process."""

    def bury(self) -> None:
        """The next one to open it knows."""

    def _path(self, name: str) -> Path:
        return self.folder / "blobs" / name


@dataclass(frozen=True, slots=True)
class SharedGround:
    """A schema on PostgreSQL, in a database that nobody else uses, and a prefix of a bucket."""

    folder: Path
    catalog: PostgresOptions
    bucket: S3Options
    is_shared: bool = True

    def options(self, **more: Any) -> StoreOptions:
        # Nobody here is paused for long, and whoever waits for silence should not.
        return StoreOptions(self.folder, catalog=self.catalog, bucket=self.bucket, node_silence_seconds=1, **more)

    def names(self, prefix: str = "packs/") -> list[str]:
        return self._with_blobs(lambda blobs: list(blobs.list(prefix)))

    def read_blob(self, name: str) -> bytes:
        return self._with_blobs(lambda blobs: bytes(blobs.get(name)))

    def flip(self, name: str, offset: int, mask: int) -> None:
        data = bytearray(self.read_blob(name))
        data[offset] ^= mask
        self._with_blobs(lambda blobs: blobs.put_new(name, data))

    def lose_catalog(self) -> None:
        self._say(f"DROP SCHEMA IF EXISTS {self.catalog.schema} CASCADE")

    def forget_replaced(self) -> None:
        begins = f"{self.catalog.schema}_replaced_"
        named = f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{begins}')"  # noqa: S608 - our own name
        for (schema,) in self._say(named):
            self._say(f"DROP SCHEMA {schema} CASCADE")

    def hang_up(self) -> None:
        self._say(_HANG_UP)

    def bury(self) -> None:
        self.hang_up()
        self._say(f"UPDATE {self.catalog.schema}.writers SET ended = 1")  # noqa: S608 - our own name

    def part(self, folder: Path, name: str) -> "SharedGround":
        """Another store beside this one, in a schema and below a prefix of its own."""
        bucket = replace(self.bucket, prefix=f"{self.bucket.prefix}/{name}")
        return replace(self, folder=folder, catalog=replace(self.catalog, schema=name), bucket=bucket)

    # The libraries are loaded, and asked, only where the store is not to be forked any more.
    def _with_blobs(self, ask: Callable[[Any], Any]) -> Any:
        from holdfast.blobs.s3 import S3Blobs

        with closing(S3Blobs(self.bucket)) as blobs:
            return ask(blobs)

    def _say(self, statement: str) -> list[Any]:
        import psycopg

        with psycopg.connect(self.catalog.url, autocommit=True) as connection:
            said = connection.execute(statement.encode())
            return said.fetchall() if said.description else []

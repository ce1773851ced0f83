"""What can be said of a catalog file without changing it: for those who ask before a service is started."""

from dataclasses import dataclass
from pathlib import Path

import apsw

from holdfast.catalog import sqlite_file
from holdfast.catalog.sqlite_errors import damaged, translated


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the file says of itself."""

    schema: int
    in_use: bool
    """Whether it has a log: a process has it open, or died with it open."""


def library() -> str:
    """The version of SQLite. Raises Unavailable for one that cannot be trusted."""
    sqlite_file.require_usable_library()
    return apsw.sqlite_lib_version()


def schema_known() -> int:
    """The latest schema that this program knows."""
    folder = Path(__file__).parent / "migrations"
    return sum(entry.name.endswith(".sql") for entry in folder.iterdir())


def look(path: Path) -> FileFacts:
    """Opens the file to read, and lets go of it. Raises Unavailable for one that is damaged or cannot be read."""
    sqlite_file.require_usable_library()
    in_use = path.with_name(f"{path.name}-wal").exists()
    # Without a log nothing can be missing from the file itself; read as one that nobody changes, SQLite makes none.
    place = f"{path.absolute().as_uri()}{'' if in_use else '?immutable=1'}"
    with translated(path):
        connection = apsw.Connection(
            place, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, vfs=sqlite_file.CHECKSUM_VFS
        )
        try:
            schema = _number(connection, "PRAGMA user_version")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            if _number(connection, "PRAGMA checksum_verification") != 1 and schema > 1:
                raise damaged(path, "its header says that its pages have no checksums")
        finally:
            connection.close()
    return FileFacts(schema, in_use)


def _number(connection: apsw.Connection, pragma: str) -> int:
    return int(str(connection.execute(pragma).fetchall()[0][0]))

"""The file of an SQLite catalog: every page carries a checksum, and every connection verifies it.

SQLite by itself serves most flipped bits as if nothing had happened (three of four pass even its integrity check). The
extension cksumvfs, which comes in apsw's wheel, keeps eight bytes of checksum at the end of each page and refuses a
page that does not fit it. What is always true here: a connection is handed out only after the extension has said that
it verifies this file; a file without checksums is one of the first schema and is brought over once, or is refused.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

import apsw
import apsw.sqlite_extra

from holdfast.catalog import wal_check
from holdfast.catalog.sqlite_errors import damaged
from holdfast.model.errors import Unavailable

CHECKSUM_VFS = "cksmvfs"
CHECKSUM_BYTES = 8

_SAFE_VERSION = (3, 51, 3)
# The last schema that was written without checksums. A later catalog without them has lost the byte that says so.
_SCHEMA_WITHOUT_CHECKSUMS = 1
_loading = threading.Lock()

# The first one must come first: even opening may have to wait for another process.
_PRAGMAS = """
    PRAGMA busy_timeout = 30000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 16777216;
"""


def require_usable_library() -> None:
    """Loads the checksums into this process. Raises Unavailable where SQLite or the extension cannot be trusted."""
    if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < _SAFE_VERSION:
        raise Unavailable(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt its log; install apsw with SQLite 3.51.3 or newer"
        )
    with _loading:
        if CHECKSUM_VFS in apsw.vfs_names():
            return
        # The extension registers itself for the whole process; the connection is only the way in.
        door = apsw.Connection(":memory:")
        try:
            apsw.sqlite_extra.load(door, "cksumvfs")
        except (apsw.Error, apsw.sqlite_extra.NotAvailable, LookupError, OSError) as missing:
            raise Unavailable(
                f"this apsw ({apsw.apsw_version()}) has no cksumvfs, without which flipped bits of the catalog would be"
                f" served: install apsw from its wheel on PyPI, not zipped or rebuilt ({missing})"
            ) from missing
        finally:
            door.close()


def make_private(path: Path) -> None:
    """Makes an empty file that only its owner may read, if there is none: SQLite would make one that others may read.

    Its log takes over the mode. What refuses, SQLite meets again, and says.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def make_ready(path: Path, vfs: str) -> None:
    """Makes the file with checksums if there is none, or gives them to one of the first schema. Raises Unavailable."""
    make_private(path)
    first = apsw.Connection(str(path), vfs=vfs)
    try:
        # Closing must not fold a log into the file that turns out to be damaged.
        first.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        if _number(first, "PRAGMA page_count") == 0:
            _make(first)
        elif first.reserve_bytes("main") != CHECKSUM_BYTES:
            _bring_over(first, path)
        else:
            _require_whole_log(first, path)
        if _number(first, "PRAGMA checksum_verification") != 1:
            # The word about checksums is in the log and not yet in the file: that is where connections look for it.
            first.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        first.close()


def connect(path: Path, vfs: str) -> apsw.Connection:
    """A connection that verifies, to a file made ready. Raises Unavailable if the file says nothing of checksums."""
    connection = apsw.Connection(str(path), vfs=vfs, statementcachesize=200)
    try:
        for _ in connection.execute(_PRAGMAS):
            pass
        # Page 1 must have been read before the extension knows whether there is anything to verify.
        _number(connection, "PRAGMA schema_version")
        if _number(connection, "PRAGMA checksum_verification") != 1:
            raise damaged(path, "its header says that its pages have no checksums")
    except BaseException:
        connection.close()
        raise
    return connection


def require_checksums(connection: apsw.Connection, path: Path) -> None:
    """Raises Unavailable if the header has lost its word about checksums since the connection was made.

    That byte is the one that the checksums cannot guard: with it gone, nothing is verified any more.
    """
    if connection.reserve_bytes("main") != CHECKSUM_BYTES:
        raise damaged(path, "its header says no longer that its pages have checksums")


def _make(first: apsw.Connection) -> None:
    # Both must be said before the first page is written.
    first.reserve_bytes("main", CHECKSUM_BYTES)
    _run(first, "PRAGMA auto_vacuum = INCREMENTAL")
    _run(first, "PRAGMA journal_mode = WAL")


def _bring_over(first: apsw.Connection, path: Path) -> None:
    if _number(first, "PRAGMA user_version") > _SCHEMA_WITHOUT_CHECKSUMS:
        raise damaged(path, "its header says that its pages have no checksums")
    [*troubles] = (str(row[0]) for row in first.execute("PRAGMA integrity_check(1)"))
    if troubles != ["ok"]:
        raise damaged(path, "; ".join(troubles))
    first.reserve_bytes("main", CHECKSUM_BYTES)
    _run(first, "PRAGMA auto_vacuum = INCREMENTAL")
    _run(first, "VACUUM")


def _require_whole_log(first: apsw.Connection, path: Path) -> None:
    # By now SQLite has read the log; this asks only how much of it was taken.
    frames_taken, _ = first.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    try:
        log = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        cut_off = wal_check.synced_frames_cut_off(
            lambda offset, length: os.pread(log, length, offset), os.fstat(log).st_size, max(frames_taken, 0)
        )
    finally:
        os.close(log)
    if cut_off:
        raise damaged(path, f"its log is damaged in the middle, before {cut_off} pages that were synced")


def _number(connection: apsw.Connection, pragma: str) -> int:
    return int(str(connection.execute(pragma).fetchall()[0][0]))


def _run(connection: apsw.Connection, statement: str) -> None:
    for _ in connection.execute(statement):
        pass

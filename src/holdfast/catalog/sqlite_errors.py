"""What SQLite's errors mean to those above: the one place where they end.

Everything that says "these bytes are not what was written" becomes Unavailable with the remedy, never Damaged: that is
the word for a chunk's frame, and a chunk must not be called bad because the catalog is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from holdfast.model.errors import DiskFull, HoldfastError, Unavailable

# Extended result codes of SQLITE_IOERR that say that what was read is not what was written.
_WRONG_BYTES = frozenset({apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_SHORT_READ})


def damaged(path: Path, what: object) -> Unavailable:
    """The refusal to use a catalog whose bytes are not those that were written."""
    return Unavailable(
        f"the catalog {path} is damaged ({what}): no answer is given from it; stop the service and make it anew from"
        " the packs with `holdfast rebuild --replace`"
    )


def _full(path: Path) -> DiskFull:
    return DiskFull(
        f"the disk that holds {path} is full: free space, or delete recovery points and run `holdfast gc`;"
        " nothing acknowledged is lost"
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns SQLite's own errors into ours. Raises Unavailable (DiskFull where that is why)."""
    try:
        yield
    except HoldfastError:
        raise
    except apsw.FullError as full:
        raise _full(path) from full
    except apsw.ConstraintError:
        # A broken constraint is a defect of ours, not of the disk: it must be seen as one.
        raise
    except (apsw.CorruptError, apsw.NotADBError) as broken:
        raise damaged(path, broken) from broken
    except apsw.IOError as broken:
        code = getattr(broken, "extendedresult", 0)
        if code == apsw.SQLITE_IOERR_SHMSIZE:
            # The index of the log is a file that SQLite fills with zeros before it maps it: only room can be wanting.
            raise _full(path) from broken
        if code in _WRONG_BYTES:
            raise damaged(path, "a page has not the checksum that it was written with") from broken
        raise Unavailable(f"the catalog {path} cannot be read or written: {broken}; see the kernel's log") from broken
    except apsw.Error as broken:
        raise Unavailable(f"the catalog {path} cannot be used: {broken}") from broken

"""A store that can be read and not written: on a read-only medium, in a snapshot, or somebody else's.

Nothing is written beside it, not even a lock or a restore job. Its catalog is copied into a temporary directory with
the log that was not folded in, and everything else is looked at where it lies; so the whole service runs as it is, over
a copy that is thrown away. What is always true here: an operation that would change the store is refused before it
begins, because what it changed in the copy would be gone.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from holdfast.access.authenticate import Caller
from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME
from holdfast.blobs.lock import shared_lock
from holdfast.controlplane.plane import Handler
from holdfast.keys.local import ROOT_KEY_NAME
from holdfast.model.errors import InvalidState, Unavailable

_READS = ("Get", "List", "Describe", "Scan")
_ALSO_READS = frozenset({"StartRestoreJob", "CompleteRestoreJob", "VerifyStore"})
_BESIDES_CATALOG = ("", "-wal")


def is_read_only(options: StoreOptions) -> bool:
    """Whether there is a store in the directory of `options` that this process may not write to."""
    directory = options.directory
    catalog = directory / CATALOG_NAME
    if options.catalog is not None or not catalog.is_file():
        return False
    return not all(os.access(path, os.W_OK) for path in (directory, catalog, directory / BLOBS_NAME) if path.exists())


@contextmanager
def scratch(options: StoreOptions) -> Iterator[StoreOptions]:
    """Options of a store in a temporary directory that shows the one of `options`; both are left as they were.

    Raises Unavailable where another process has the store open, or where there is no room for the copy of the catalog.
    """
    with contextlib.ExitStack() as closing:
        closing.enter_context(shared_lock(options.directory))
        try:
            place = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-read-only-")))
            for ending in _BESIDES_CATALOG:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(options.directory / f"{CATALOG_NAME}{ending}", place / f"{CATALOG_NAME}{ending}")
            for name in (BLOBS_NAME, ROOT_KEY_NAME):
                (place / name).symlink_to(os.path.abspath(options.directory / name))
        except OSError as refused:
            raise Unavailable(
                f"the store {options.directory} is read-only, and its catalog cannot be copied to"
                f" {tempfile.gettempdir()}: {refused.strerror or refused}; name a directory with room in TMPDIR"
            ) from refused
        if not (options.directory / ROOT_KEY_NAME).exists():
            (place / ROOT_KEY_NAME).unlink()
        # The access key is for this process alone: who can read the directory needs none.
        yield replace(options, directory=place, reserve_bytes=0, credentials_file=None)


def reading_only(handlers: Mapping[str, Handler], directory: Path) -> dict[str, Handler]:
    """The handlers of a store in `directory` that is read-only: those that would change it refuse with InvalidState."""

    def refuse(_: Caller, __: dict[str, object]) -> NoReturn:
        raise InvalidState(
            f"the store {directory} is read-only here: it can be listed, verified and restored from. To change it,"
            " mount it writable, or run this as the user it belongs to"
        )

    reads = {name for name in handlers if name.startswith(_READS)} | _ALSO_READS
    return {name: handler if name in reads else refuse for name, handler in handlers.items()}

"""A store's directory: who may open it, and where everything in it is.

DIR/lock          held by the one process that has the store open
DIR/credentials   the root access key
DIR/root.key      the key that wraps the vaults' keys; without it nothing can be read
DIR/catalog       the SQL database
DIR/blobs/        packs and wrapped keys
DIR/reserve       room for deleting and collecting on a full disk
DIR/holdfast.toml options, if somebody put them there

A node of a store on PostgreSQL and a bucket has one too, with no catalog and no blobs in it.
"""

import contextlib
import os
from pathlib import Path

from holdfast.app.option_sources import CONFIG_NAME
from holdfast.blobs.disk import Disk, SystemDisk
from holdfast.blobs.reserve import RESERVE_NAME
from holdfast.keys.local import ROOT_KEY_NAME
from holdfast.model.errors import InvalidInput, Unavailable

CATALOG_NAME = "catalog"
BLOBS_NAME = "blobs"
_OURS = frozenset({"lock", "credentials", ROOT_KEY_NAME, CATALOG_NAME, BLOBS_NAME, RESERVE_NAME, CONFIG_NAME})


def prepare(directory: Path, disk: Disk | None = None) -> None:
    """Make `directory` (mode 0700) if it is missing or empty.

    Raises InvalidInput for one that holds other things than a store, or that is open to other users; Unavailable where
    the disk refuses.
    """
    try:
        _make(directory, disk or SystemDisk())
        names = {name for name in os.listdir(directory) if not name.startswith(".")}
        if not names:
            directory.chmod(0o700)
        mode = directory.stat().st_mode
    except OSError as refused:
        raise Unavailable(f"the store directory {directory} cannot be used: {refused.strerror or refused}") from refused
    if names and not names & _OURS:
        raise InvalidInput(f"{directory} holds other files and no store: choose an empty directory, or one of a store")
    if mode & 0o077:
        raise InvalidInput(
            f"{directory} has mode {mode & 0o777:04o}, others may read keys in it: chmod 700 {directory}"
        )


def _make(directory: Path, disk: Disk) -> None:
    """Make the directory and those above it that are missing, each durable in the one that holds it."""
    missing: list[Path] = []
    place = directory
    while not place.is_dir() and place != place.parent:
        missing.append(place)
        place = place.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700 if each == directory else 0o777, exist_ok=True)
        disk.sync_directory(each.parent)
    if not missing and not os.listdir(directory):
        # Whoever made it may have been killed before its name was durable. One that we may enter and not read is above
        # it only where somebody else made it.
        with contextlib.suppress(PermissionError):
            disk.sync_directory(directory.parent)

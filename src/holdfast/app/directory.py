"""A store's directory: who may open it, and where everything in it is.

DIR/lock          held by the one process that has the store open
DIR/credentials   the root access key
DIR/root.key      the key that wraps the vaults' keys; without it nothing can be read
DIR/catalog       the SQL database
DIR/blobs/        packs and wrapped keys
"""

import os
from collections.abc import Iterator
from pathlib import Path

from holdfast.blobs.local import LocalBlobs
from holdfast.keys.local import ROOT_KEY_NAME
from holdfast.model.errors import InvalidInput, Unavailable

CATALOG_NAME = "catalog"
BLOBS_NAME = "blobs"
_OURS = frozenset({"lock", "credentials", ROOT_KEY_NAME, CATALOG_NAME, BLOBS_NAME})


def prepare(directory: Path) -> None:
    """Make `directory` (mode 0700) if it is missing or empty.

    Raises InvalidInput for one that holds other things than a store, or that is open to other users; Unavailable where
    the disk refuses.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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


class RootKeyPlace:
    """Where the local key provider keeps `root.key`: in the directory itself, away from the keys that it wraps.

    `list` shows the wrapped keys, so that the provider sees when they are there and the root key is not.
    """

    def __init__(self, directory: Path, wrapped: LocalBlobs) -> None:
        self._own = LocalBlobs(directory)
        self._wrapped = wrapped

    def put(self, name: str, data: bytes) -> None:
        self._own.put(name, data)

    def get(self, name: str) -> bytes:
        return self._own.get(name)

    def list(self, prefix: str) -> Iterator[str]:
        return self._wrapped.list(prefix or "keys/")

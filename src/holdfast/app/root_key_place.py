"""Where a root key lies: in the store's directory, or in a file that somebody mounted as a secret."""

import contextlib
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

from holdfast.blobs.disk import Disk
from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import InvalidInput, InvalidState, NotFound

TEMPORARY_NAME = ".tmp"
_BYTES_MAX = 64 * 1024


class Names(Protocol):
    """Shows the names of what the root key protects."""

    def list(self, prefix: str) -> Iterator[str]: ...


class RootKeyPlace(Protocol):
    """As keys.port.RootKeyFile, and clears up behind a crash."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def replace(self, name: str, data: bytes) -> None: ...

    def settle(self, name: str) -> None: ...

    def list(self, prefix: str) -> Iterator[str]: ...

    def clear_unfinished(self) -> None: ...


class RootKeyInDirectory:
    """`root.key` in the directory itself, away from the keys that it wraps.

    `list` shows the wrapped keys, so that one sees when they are there and the root key is not.
    """

    def __init__(self, directory: Path, wrapped: Names, disk: Disk | None = None) -> None:
        self._directory = directory
        self._own = LocalBlobs(directory, disk=disk)
        self._wrapped = wrapped

    def put(self, name: str, data: bytes) -> None:
        self._own.put(name, data)

    def get(self, name: str) -> bytes:
        return self._own.get(name)

    def replace(self, name: str, data: bytes) -> None:
        self._own.replace(name, data)

    def settle(self, name: str) -> None:
        self._own.settle(name)

    def list(self, prefix: str) -> Iterator[str]:
        return _protected(self._wrapped, prefix)

    def clear_unfinished(self) -> None:
        """Remove what a crash in the middle of `put` or `replace` left: it may hold a root key that is not protected.

        For the holder of the store's lock.
        """
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._directory / TEMPORARY_NAME):
                os.unlink(entry.path)


class MountedRootKey:
    """A file with the text of a `root.key`, which is somebody else's to change."""

    def __init__(self, path: Path, wrapped: Names) -> None:
        self._path = path
        self._wrapped = wrapped

    def put(self, name: str, data: bytes) -> None:  # noqa: ARG002 - the port's shape
        raise NotFound(f"there is no root key in {self._path}: put the store's root.key there")

    def get(self, name: str) -> bytes:  # noqa: ARG002 - the port's shape
        try:
            with self._path.open("rb") as file:
                return file.read(_BYTES_MAX)
        except OSError as unreadable:
            raise InvalidInput(
                f"the root key file {self._path} cannot be read: {unreadable.strerror or unreadable}"
            ) from unreadable

    def replace(self, name: str, data: bytes) -> None:
        raise InvalidState(
            f"{name} is mounted from {self._path}, and only who mounts it can change it ({len(data)} bytes were to be"
            " written): do this on a copy of the file in a store's directory"
        )

    def settle(self, name: str) -> None:
        """Nothing of it was written here."""

    def list(self, prefix: str) -> Iterator[str]:
        return _protected(self._wrapped, prefix)

    def clear_unfinished(self) -> None:
        """Nothing was begun here."""


def _protected(wrapped: Names, prefix: str) -> Iterator[str]:
    # Packs, too, are lost without the root key, even where the keys that it wraps are missing as well.
    return wrapped.list(prefix) if prefix else chain(wrapped.list("keys/"), wrapped.list("packs/"))

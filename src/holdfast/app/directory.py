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
import errno
import os
from pathlib import Path

from holdfast.app.option_sources import CONFIG_NAME
from holdfast.blobs.disk import Disk, SystemDisk
from holdfast.blobs.reserve import RESERVE_NAME
from holdfast.keys.local import ROOT_KEY_NAME
from holdfast.model.errors import InvalidInput, Unavailable

CATALOG_NAME = "catalog"
BLOBS_NAME = "blobs"
_PROBE_PREFIX = ".probe-"
_OURS = frozenset({"lock", "credentials", ROOT_KEY_NAME, CATALOG_NAME, BLOBS_NAME, RESERVE_NAME, CONFIG_NAME})


def prepare(directory: Path, disk: Disk | None = None) -> None:
    """Make `directory` (mode 0700) if it is missing or empty.

    Raises InvalidInput for one that holds other things than a store, that is open to other users, or that lies on a
    file system which keeps no permissions or has no hard links; Unavailable where the disk refuses.
    """
    try:
        _make(directory, disk or SystemDisk())
        names = {name for name in os.listdir(directory) if not name.startswith(".")}
        mode = directory.stat().st_mode
        if not names or mode & 0o077:
            _require_fit(directory)
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


def _require_fit(directory: Path) -> None:
    """Raises InvalidInput where the file system of `directory` cannot hold a store, such as FAT and exFAT.

    Tried and not looked up: what a file system is called says little about what it does where it is mounted.
    """
    probe = directory / f"{_PROBE_PREFIX}{os.getpid()}"
    other = probe.with_name(f"{probe.name}-link")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        if probe.stat().st_mode & 0o077:
            raise _unfit(directory, "keeps no permissions, so that others could read the keys")
        try:
            os.link(probe, other)
        except OSError as refused:
            if refused.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise _unfit(directory, "has no hard links") from refused
            raise
    finally:
        for path in (other, probe):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _unfit(directory: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"the file system of {directory} {why}: FAT and exFAT cannot hold a store. Choose a directory on ext4, XFS,"
        " Btrfs, ZFS or the like; on such a stick or disk, format it so or put an image with ext4 on it and mount that"
    )

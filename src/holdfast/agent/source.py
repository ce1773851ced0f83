"""What a backup reads: the directory or single file at a path, and the name its series of recovery points goes by."""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from holdfast.agent import names
from holdfast.agent.directory import Directory, open_root
from holdfast.agent.root import Root
from holdfast.agent.scan import Entry, Event, Options, Unseen, scan, scan_one
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import SOURCE_NAME_BYTES_MAX

_NAME_OTHER = "name a directory or a file to back up"


@dataclass(frozen=True, slots=True)
class Source:
    """An opened source. `leaf` is None for a directory, else the file's name inside `directory`.

    `root` is the absolute path of `directory`, its components escaped: what object names are relative to.
    """

    directory: Directory
    leaf: str | None
    root: str

    def events(self, options: Options) -> Iterator[Event]:
        """Everything in it, in the order of object names. Raises InvalidInput where it cannot be read at all."""
        try:
            yield from scan(self.directory, options) if self.leaf is None else scan_one(self.directory, self.leaf)
        except OSError as error:
            raise _unreadable(self.as_root.told, error) from error

    def contents(self, options: Options) -> Iterator[Event]:
        """The same. Raises InvalidInput where there is nothing but the root, or nothing that a backup can keep."""
        events = self.events(options)
        held = []
        for event in events:
            held.append(event)
            if isinstance(event, Unseen) or (isinstance(event, Entry) and event.name != names.ROOT):
                return chain(held, events)
        if self.leaf is not None:
            raise InvalidInput(f"{self.as_root.told} is a socket, which has no contents: {_NAME_OTHER}")
        why = "holds nothing that is not excluded." if options.exclusion else "holds nothing: is it mounted?"
        raise InvalidInput(
            f"{self.root} {why} A backup of it would list all as deleted; say --allow-empty if that is meant"
        )

    @property
    def as_root(self) -> Root:
        """What recovery points of this source record."""
        return Root(self.root, None if self.leaf is None else names.escape(self.leaf))

    def require_outside(self, stores: Collection[tuple[int, int]]) -> None:
        """Raises InvalidInput where the source is, or lies in, one of `stores` (device and inode)."""
        place = os.path.realpath(f"/proc/self/fd/{self.directory.fd}")
        while stores:
            with suppress(OSError):
                status = os.stat(place)
                if (status.st_dev, status.st_ino) in stores:
                    raise InvalidInput(
                        f"{self.as_root.told} lies in the store {place} that it would be backed up to, which would grow"
                        f" by what it reads: {_NAME_OTHER}, or another --store"
                    )
            if place == os.path.dirname(place):
                return
            place = os.path.dirname(place)


def open_source(path: str) -> Source:
    """The source at `path`. A symbolic link itself is a single object; `link/` is the directory it names.

    Raises InvalidInput where nothing is there or it cannot be listed.
    """
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode) or path.endswith("/"):
            return Source(open_root(path), None, absolute(path))
        parent, leaf = os.path.split(path)
        return Source(open_root(parent or "."), leaf, absolute(parent))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> InvalidInput:
    return InvalidInput(f"{path!r} cannot be read: {error.strerror or error}; {_NAME_OTHER}")


def absolute(path: str) -> str:
    """The absolute path that `path` means here and now, its components spelled as in object names."""
    return "/".join(map(names.escape, os.path.abspath(path).split("/")))


def default_name(path: str, host: str) -> str:
    """The name of the source at `path` on `host`: HOST:ABSOLUTE-PATH, a digest in place of what is too long."""
    name = f"{host}:{absolute(path)}"
    if len(name.encode()) <= SOURCE_NAME_BYTES_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    head = name.encode()[: SOURCE_NAME_BYTES_MAX - len(digest) - 1].decode(errors="ignore")
    return f"{head}~{digest}"

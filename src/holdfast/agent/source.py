"""What a backup reads: the directory or single file at a path, and the name its series of recovery points goes by."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.agent import names
from holdfast.agent.directory import Directory, open_root
from holdfast.agent.scan import Event, Options, scan, scan_one
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import SOURCE_NAME_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Source:
    """An opened source. `leaf` is None for a directory, else the file's name inside `directory`.

    `root` is the absolute path of `directory`, its components escaped: what object names are relative to.
    """

    directory: Directory
    leaf: str | None
    root: str

    def events(self, options: Options) -> Iterator[Event]:
        """Everything in it, in the order of object names."""
        return scan(self.directory, options) if self.leaf is None else scan_one(self.directory, self.leaf)


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
        raise InvalidInput(f"{path} cannot be read: {error.strerror}; name a directory or a file to back up") from error


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

"""Directories on the way back: open to their owner alone while something is written below, then as recorded.

A directory that a restore makes on the way to what was asked for is recorded in the point as well, so it is looked up
there and gets its own attributes, not those of the day. The directory that a restore was pointed at, if it was there
before, keeps its own: it belongs to others, too. Directories in the way that their owner has closed to himself are
opened, and closed again at the end.
"""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from holdfast.agent import acl, inode_flags, names, xattrs
from holdfast.agent.attributes import Attributes, parse
from holdfast.agent.directory import Directory
from holdfast.agent.exchange import Stored, stored
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.restore_attributes import AttributeWriter, give
from holdfast.agent.restore_small import named
from holdfast.agent.target import NOT_A_DIRECTORY, PRIVATE_MODE, NameTaken, Target, unlock
from holdfast.agent.wanted import Wanted
from holdfast.client.api import Api
from holdfast.model.errors import InvalidInput

Parts = tuple[bytes, ...]

FROZEN_MAX = 5000
"""So many files may wait for their flags; hard links to those that have them become copies."""
_FOREIGN_MODE = 0o777
_GROUP_BITS = 0o070
_USER_PREFIX = "user."


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A directory that gets its attributes when all below it is written. `made`: by this restore."""

    wanted: Wanted
    parts: Parts
    made: bool


class Directories:
    """The directories of one restore, used by one thread. `fetch` brings a directory's blob to `attributes`."""

    def __init__(
        self,
        api: Api,
        job_id: str,
        target: Target,
        attributes: AttributeWriter,
        tally: Tally[RestoreReport],
        fetch: Callable[[Wanted], None],
    ) -> None:
        self._api = api
        self._job_id = job_id
        self._target = target
        self._attributes = attributes
        self._tally = tally
        self._fetch = fetch
        self._waiting: list[_Waiting] = []
        self._unlocked: dict[Parts, int] = {}
        self._refused: set[Parts] = set()
        self._root_placed = False
        self._last: tuple[Parts, Directory] = ((), target.root)
        self._open_up((), target.root)

    @property
    def waiting(self) -> int:
        """How many directories are still open, or how many files wait for their flags."""
        return max(len(self._waiting), self._attributes.frozen_total())

    def place(self, found: Stored, attributes: Attributes, parts: Parts) -> None:
        """Make or open a directory of the recovery point. Raises OSError."""
        self._check(parts)
        if not parts and self._target.made_mode is None:
            self._leave_root(found.name, attributes)
            return
        try:
            if parts:
                self.reach(parts[:-1], foreign=False)
            directory, made = self._target.make(parts, PRIVATE_MODE)
        except NameTaken:
            self._refused.add(parts)
            raise
        self._root_placed |= not parts
        if not made:
            self._open_up(parts, directory)
            self._unlocked.pop(parts, None)  # it gets its recorded permissions
        one = Wanted(found, attributes, False, directory, b"")
        self._waiting.append(_Waiting(one, parts, made))
        if found.blob_bytes:
            self._fetch(one)

    def reach(self, parts: Parts, *, foreign: bool) -> Directory:
        """The directory at `parts`, made as the point records it where it is missing. Raises OSError."""
        if self._last[0] == parts:
            return self._last[1]
        self._check(parts)
        directory = self._existing(parts)
        if directory is None:
            for depth in range(1, len(parts) + 1):
                if self._existing(parts[:depth]) is None:
                    self._make(parts[:depth], foreign)
            directory = self._target.existing(parts)
        self._open_up(parts, directory)
        self._last = parts, directory
        return directory

    def close(self, reached: str | None) -> None:
        """Give all directories their attributes that nothing more will come for: names have reached `reached`."""
        done = [one for one in self._waiting if _lies_before(one, reached)]
        self._waiting = [one for one in self._waiting if not _lies_before(one, reached)]
        if reached is None or self._attributes.frozen_total() >= FROZEN_MAX:
            self._set_flags()
        for one in reversed(done):
            named(self._tally, one.wanted.name, partial(self._finish, one))
        if reached is None:
            self._close_again()

    def _check(self, parts: Parts) -> None:
        if self._refused and any(parts[:depth] in self._refused for depth in range(1, len(parts) + 1)):
            raise NameTaken(errno.EEXIST, "the target takes its directory for another one; restore it elsewhere")

    def _existing(self, parts: Parts) -> Directory | None:
        try:
            return self._target.existing(parts)
        except PermissionError:
            for depth in range(1, len(parts) + 1):
                try:
                    self._target.existing(parts[:depth])
                except PermissionError:
                    parent = self._target.existing(parts[: depth - 1])
                    self._unlocked[parts[:depth]] = unlock(parent, parts[depth - 1])
                except OSError:
                    break
            return self._target.existing(parts)
        except OSError as error:
            if error.errno not in (errno.ENOENT, *NOT_A_DIRECTORY):
                raise
            return None

    def _make(self, parts: Parts, foreign: bool) -> None:
        name = "/".join(map(names.escape_bytes, parts))
        found = None if foreign else self._recorded(name)
        try:
            attributes = None if found is None else parse(found.metadata)
        except InvalidInput as unreadable:
            self._tally.problem(name, unreadable.message)
            self._target.make(parts, PRIVATE_MODE)
            return
        if found is None or attributes is None or attributes.kind != "d":
            self._target.make(parts, _FOREIGN_MODE)
        else:
            self.place(found, attributes, parts)

    def _recorded(self, name: str) -> Stored | None:
        for one in self._api.scan_objects(self._job_id, prefix=name, results_max=1).object_list:
            if one.name == name:
                return stored(one)
        return None

    def _open_up(self, parts: Parts, directory: Directory) -> None:
        if directory.is_open or os.access(".", os.W_OK | os.X_OK, dir_fd=directory.fd, effective_ids=True):
            directory.is_open = True
            return
        status = os.fstat(directory.fd)
        if status.st_uid != os.geteuid():
            return  # what is refused below it will be named
        mode = stat.S_IMODE(status.st_mode)
        try:
            os.fchmod(directory.fd, mode | PRIVATE_MODE)
        except OSError:
            return
        self._unlocked.setdefault(parts, mode)

    def _leave_root(self, name: str, attributes: Attributes) -> None:
        status = os.fstat(self._target.root.fd)
        if stat.S_IMODE(status.st_mode) != attributes.mode & 0o7777:
            self._tally.warn(
                f"{name}: the directory was there before and keeps its permissions {stat.S_IMODE(status.st_mode):o};"
                f" recorded are {attributes.mode & 0o7777:o}"
            )

    def _finish(self, one: _Waiting) -> None:
        wanted, fd = one.wanted, self._target.existing(one.parts).fd
        attributes = wanted.attributes
        data = self._attributes.held(wanted.name)
        if data is None and wanted.stored.blob_bytes:
            data = self._again(wanted.stored)
            if data is None:  # there may have been an access list: the group bits are its mask, not the group's rights
                attributes = msgspec.structs.replace(attributes, mode=attributes.mode & ~_GROUP_BITS)
        blob = self._attributes.decoded(wanted, data)
        recorded = blob.all_xattrs()
        if not one.made:
            there = [name for name in _listed(fd) if name.startswith(_USER_PREFIX) or name in acl.NAMES]
            xattrs.remove(fd, [name for name in there if name not in recorded])
        lost, _ = give(fd, attributes, self._attributes.owners.here(attributes), recorded)
        if blob.flags:
            _add_flags(fd, blob.flags, lost)
        if lost:
            self._tally.attributes(wanted.name, lost)

    def _again(self, found: Stored) -> bytes | None:
        fetched: list[bytes | None] = []

        def fetch() -> None:
            blob = self._api.get_object_metadata(self._job_id, found.token).metadata_blob
            fetched.append(None if blob is None else bytes(blob))

        return fetched[0] if named(self._tally, found.name, fetch) else None

    def _set_flags(self) -> None:
        for one in self._attributes.frozen():
            named(self._tally, one.name, partial(self._freeze, one.name, one.identity, one.flags))

    def _freeze(self, name: str, identity: tuple[int, int], flags: int) -> None:
        parts = names.components(name)
        directory = self._target.existing(parts[:-1])
        fd = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory.fd)
        try:
            status = os.fstat(fd)
            lost: list[str] = []
            if (status.st_dev, status.st_ino) == identity:
                _add_flags(fd, flags, lost)
            if lost:
                self._tally.attributes(name, lost)
        finally:
            os.close(fd)

    def _close_again(self) -> None:
        if self._target.made_mode is not None and not self._root_placed:
            named(self._tally, names.ROOT, self._close_made_root)
        for parts, mode in reversed(self._unlocked.items()):
            name = "/".join(map(names.escape_bytes, parts)) or names.ROOT
            named(self._tally, name, partial(self._lock, parts, mode))

    def _lock(self, parts: Parts, mode: int) -> None:
        os.fchmod(self._target.existing(parts).fd, mode)

    def _close_made_root(self) -> None:
        """The root was made for a part of the source: it gets what is recorded, or what any new directory gets."""
        found = self._recorded(names.ROOT)
        attributes = None if found is None else parse(found.metadata)
        if found is None or attributes is None or attributes.kind != "d":
            os.fchmod(self._target.root.fd, self._target.made_mode or PRIVATE_MODE)
        else:
            self._finish(_Waiting(Wanted(found, attributes, False, self._target.root, b""), (), True))


def _add_flags(fd: int, flags: int, lost: list[str]) -> None:
    try:
        inode_flags.add(fd, flags)
    except OSError as error:
        lost.append(f"flags {inode_flags.letters(flags)} ({error.strerror})")


def _listed(fd: int) -> list[str]:
    try:
        return os.listxattr(fd)
    except OSError:
        return []


def _lies_before(one: _Waiting, reached: str | None) -> bool:
    """Whether nothing more will come for a directory once the names have reached `reached` (None: the end)."""
    if reached is None:
        return True
    # '0' follows '/': a name from there on lies behind all that the directory holds. The root holds everything.
    return one.parts != () and one.wanted.name + "0" <= reached

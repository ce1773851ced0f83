"""Gives what a restore has written its attributes, as far as the target takes them; the rest is named.

Invariants: rights are never wider than recorded at any moment, so the owner comes first, set-id bits only with the
owner they were granted by, and an access list before the group bits that are its mask. Capabilities are lost when the
owner changes, times when anything does: times come last. What the target takes without a word and does not keep is
found by looking at the result. Flags such as `immutable` come when nothing is left to be written or linked (Frozen).
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from holdfast.agent import acl, xattrs
from holdfast.agent.attributes import Attributes
from holdfast.agent.owners import Owners
from holdfast.agent.report import RestoreReport, Tally
from holdfast.agent.target import IS_ROOT, PROC_PATH
from holdfast.agent.wanted import Wanted
from holdfast.agent.xattrs import MetadataBlob
from holdfast.model.errors import InvalidInput

_SET_ID_BITS = 0o6000
_GROUP_BITS = 0o070
_TIME_ROUNDED_NS = 2_000_000_000
"""FAT keeps every second second; what differs by more was not taken."""
_HELD_BYTES_MAX = 4096


def give(
    file: int | str, attributes: Attributes, owner: tuple[int, int], wanted: Mapping[str, bytes]
) -> tuple[list[str], os.stat_result]:
    """Owner (as root), attributes, permissions and time of an open file, or of what is at a path itself.

    Returns what the target refused, each with the reason, and the status in the end. Raises OSError if that is refused.
    """
    lost: list[str] = []
    owned = True
    follow = isinstance(file, int)
    if IS_ROOT:
        try:
            os.chown(file, *owner, follow_symlinks=follow)
        except (OSError, OverflowError) as error:
            owned = False
            lost.append(_because("owner", error))
    for name, value in wanted.items():
        if name not in acl.NAMES:
            _put(file, name, value, lost)
    mode = None if attributes.kind == "l" else _permissions(attributes, owner, owned)
    if mode is not None:
        mode = _rights(file, mode, wanted, lost)
    try:
        os.utime(file, ns=(attributes.mtime_ns, attributes.mtime_ns), follow_symlinks=follow)
    except (OSError, OverflowError) as error:
        lost.append(_because("modification time", error))
    status = os.fstat(file) if isinstance(file, int) else os.lstat(file)
    if not lost:
        _compare(status, attributes, owner, mode, lost)
    return lost, status


def _permissions(attributes: Attributes, owner: tuple[int, int], owned: bool) -> int:
    mode = attributes.mode & 0o7777
    granted = owned if IS_ROOT else owner[0] == os.geteuid()
    return mode if granted else mode & ~_SET_ID_BITS


def _rights(file: int | str, mode: int, wanted: Mapping[str, bytes], lost: list[str]) -> int:
    access, default = wanted.get(acl.ACCESS), wanted.get(acl.DEFAULT)
    try:
        if access is not None:
            _change_mode(file, mode & ~_GROUP_BITS)
            if not _put(file, acl.ACCESS, access, lost):
                mode &= ~_GROUP_BITS | acl.group_permissions(access) << 3
        _change_mode(file, mode)
    except OSError as error:
        lost.append(_because("permissions", error))
    if default is not None:
        _put(file, acl.DEFAULT, default, lost)
    return mode


def _put(file: int | str, name: str, value: bytes, lost: list[str]) -> bool:
    refusal = xattrs.put(file, name, value)
    if refusal is not None:
        lost.append(refusal)
    return refusal is None


def _change_mode(file: int | str, mode: int) -> None:
    """Permissions, neither opening what a special file stands for nor following a link put in its place."""
    if isinstance(file, int):
        os.fchmod(file, mode)
        return
    fd = os.open(file, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.chmod(PROC_PATH % fd, mode)
    finally:
        os.close(fd)


def _compare(
    status: os.stat_result, attributes: Attributes, owner: tuple[int, int], mode: int | None, lost: list[str]
) -> None:
    if IS_ROOT and (status.st_uid, status.st_gid) != owner:
        lost.append(f"owner (the target keeps {status.st_uid}:{status.st_gid})")
    if mode is not None and stat.S_IMODE(status.st_mode) != mode:
        lost.append(f"permissions (the target keeps {stat.S_IMODE(status.st_mode):o} instead of {mode:o})")
    if abs(status.st_mtime_ns - attributes.mtime_ns) > _TIME_ROUNDED_NS:
        lost.append(f"modification time (the target keeps no {attributes.mtime_ns // 10**9} seconds since 1970)")


def _because(what: str, error: Exception) -> str:
    return f"{what} ({(isinstance(error, OSError) and error.strerror) or error})"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A file whose flags are set when nothing is left to be done with it."""

    name: str
    identity: tuple[int, int]
    flags: int


class AttributeWriter:
    """Gives attributes to the files of one restore; safe for several threads."""

    def __init__(self, owners: Owners, tally: Tally[RestoreReport]) -> None:
        self.owners = owners
        self._tally = tally
        self._lock = Lock()
        self._frozen: list[Frozen] = []
        self._held: dict[str, bytes] = {}

    def decoded(self, one: Wanted, blob: bytes | None) -> MetadataBlob:
        """What `blob` says; nothing, and a notice, where it is not one of ours."""
        if blob is None:
            return _NOTHING
        try:
            return xattrs.decode(blob)
        except InvalidInput as foreign:
            if one.foreign:
                self._tally.warn(f"{one.name}: {foreign.message}")
            else:
                self._tally.attributes(one.name, [foreign.message])
            return _NOTHING

    def give(self, one: Wanted, file: int | str, blob: MetadataBlob) -> tuple[list[str], os.stat_result]:
        """As the function of that name, for one object."""
        return give(file, one.attributes, self.owners.here(one.attributes), blob.all_xattrs())

    def placed(self, one: Wanted, given: tuple[list[str], os.stat_result], blob: MetadataBlob) -> None:
        """What was written is in its place: name what it lacks, and remember its flags."""
        lost, status = given
        if lost:
            self._tally.attributes(one.name, lost)
        if blob.flags:
            with self._lock:
                self._frozen.append(Frozen(one.name, (status.st_dev, status.st_ino), blob.flags))

    def frozen_total(self) -> int:
        """How many files wait for their flags."""
        return len(self._frozen)

    def frozen(self) -> list[Frozen]:
        """The files that wait for their flags, each given out once."""
        with self._lock:
            found, self._frozen = self._frozen, []
        return found

    def hold(self, name: str, blob: bytes | None) -> None:
        """Keep a directory's blob until it is closed, unless it is large: then it is fetched again."""
        if blob is not None and len(blob) <= _HELD_BYTES_MAX:
            self._held[name] = blob

    def held(self, name: str) -> bytes | None:
        """The blob of a directory, if it was kept; given out once."""
        return self._held.pop(name, None)


_NOTHING = MetadataBlob()

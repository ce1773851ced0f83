"""What the numbers of owners and groups are called: recorded once per backup, looked up once per restore.

A recovery point keeps numbers per file and one table of names at its top object. A restore gives a file to the user of
the same name here, whichever number that has, and to the number itself where there is no such user.
"""

import grp
import pwd
from collections.abc import Callable, Mapping

from holdfast.agent.attributes import Attributes
from holdfast.model.limits import OWNER_NAMES_BYTES_MAX

_ENTRY_BYTES = 24


def _user(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name


def _group(gid: int) -> str:
    return grp.getgrgid(gid).gr_name


def owner_names(owners: set[tuple[int, int]]) -> tuple[dict[int, str], dict[int, str]]:
    """The names, on this machine, of the users and the groups in these pairs of ids."""
    users = _named(_user, sorted({uid for uid, _ in owners}))
    return users, _named(_group, sorted({gid for _, gid in owners}))


def _named(look_up: Callable[[int], str], ids: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    room = OWNER_NAMES_BYTES_MAX
    for number in ids:
        try:
            name = look_up(number)
        except (KeyError, OSError, OverflowError):
            continue
        room -= len(name.encode("utf-8", "surrogatepass")) + _ENTRY_BYTES
        if room < 0:
            break
        if name.isprintable():
            found[number] = name
    return found


class Owners:
    """The ids here of what a recovery point's ids were called there."""

    def __init__(self, users: Mapping[int, str], groups: Mapping[int, str]) -> None:
        self._users = dict(_local(users, lambda name: pwd.getpwnam(name).pw_uid))
        self._groups = dict(_local(groups, lambda name: grp.getgrnam(name).gr_gid))

    def here(self, attributes: Attributes) -> tuple[int, int]:
        """Owner and group on this machine."""
        return self._users.get(attributes.uid, attributes.uid), self._groups.get(attributes.gid, attributes.gid)


def _local(names: Mapping[int, str], look_up: Callable[[str], int]) -> dict[int, int]:
    found = {}
    for number, name in names.items():
        try:
            found[number] = look_up(name)
        except (KeyError, OSError, ValueError):
            continue
    return found

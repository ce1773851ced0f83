"""How many files this process may have open, and how many connections that leaves.

The usual soft limit of 1024 is fewer than the connections that are accepted, so it is raised as far as allowed. Where
it stays low, there are fewer connections, and the log says so: better than to find out in the middle of a backup.
"""

import resource
from dataclasses import dataclass

from holdfast.model.limits import CONNECTIONS_MAX, OPEN_FILES_WANTED, OPS_CONNECTIONS_MAX, RESERVED_CONNECTIONS_MAX
from holdfast.observe.logs import Logger

_OF_THE_STORE = 512
"""Packs, the catalog and its log, sockets to a database and a bucket, and room to spare."""
OPEN_FILES_NEEDED = _OF_THE_STORE + CONNECTIONS_MAX + RESERVED_CONNECTIONS_MAX + OPS_CONNECTIONS_MAX


@dataclass(frozen=True, slots=True)
class ConnectionShares:
    """Connections of each kind."""

    connections: int
    reserved: int
    ops: int


def shares(open_files: int) -> ConnectionShares:
    """What a limit of so many open files leaves: half of a low one is the store's."""
    left = open_files - min(_OF_THE_STORE, open_files // 2)
    reserved, ops = (max(2, min(most, left // 8)) for most in (RESERVED_CONNECTIONS_MAX, OPS_CONNECTIONS_MAX))
    return ConnectionShares(max(4, min(CONNECTIONS_MAX, left - reserved - ops)), reserved, ops)


def allow_open_files() -> int:
    """Raise the soft limit as far as we may; the limit that then holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    goal = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard)
    if soft == resource.RLIM_INFINITY or soft >= goal:
        return OPEN_FILES_WANTED if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (goal, hard))
    return goal


def say_if_low(open_files: int, log: Logger) -> None:
    """A line in the log where the limit costs connections."""
    if open_files < OPEN_FILES_NEEDED:
        log.warning(
            "the limit of open files is low",
            limit=open_files,
            needed=OPEN_FILES_NEEDED,
            connections=shares(open_files).connections,
            remedy="raise it: ulimit -n, or LimitNOFILE= of the unit",
        )

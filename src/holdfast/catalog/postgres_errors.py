"""What PostgreSQL's errors mean to those above: the one place where they end."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from holdfast.model.errors import DiskFull, HoldfastError, Internal, Transient, Unavailable

# A lost race: what was undone may be done again at once, on the same connection.
RACES = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.UniqueViolation,
)


def is_lost_connection(error: psycopg.Error, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether nothing more can be had from this connection, whatever it was asked."""
    return connection.closed or (isinstance(error, errors.OperationalError) and not isinstance(error, RACES))


def unreachable(where: str, error: object) -> Unavailable:
    """The answer while the database is away; what was asked may be asked again."""
    return Unavailable(f"the catalog {where} cannot be reached: {_line(error)}; nothing is lost, try again")


def contended(where: str, error: object) -> Transient:
    """The answer to a race that was lost again and again."""
    return Transient(f"other requests kept changing what this one was about in the catalog {where}: {_line(error)}")


def refused(error: object) -> Internal:
    """A defect of ours: a statement that cannot be, or a row that is there already although nobody else is."""
    return Internal(f"the catalog refused a statement: {_line(error)}")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns PostgreSQL's own errors into ours. Raises Unavailable (DiskFull where that is why), Transient, Internal."""
    try:
        yield
    except HoldfastError:
        raise
    except errors.DiskFull as full:
        raise DiskFull(
            f"the disk of the catalog {where} is full: free space there; nothing acknowledged is lost"
        ) from full
    except errors.ReadOnlySqlTransaction as replica:
        raise Unavailable(
            f"the catalog {where} takes no changes ({_line(replica)}): it may be a standby, name the primary server"
        ) from replica
    except (errors.InsufficientPrivilege, errors.InvalidAuthorizationSpecification, errors.InvalidPassword) as denied:
        raise Unavailable(
            f"the catalog {where} refuses this user: {_line(denied)}; check user, password and grants"
        ) from denied
    except errors.UndefinedTable as missing:
        raise Unavailable(f"the catalog {where} has lost tables: {_line(missing)}; see 'holdfast rebuild'") from missing
    except RACES as race:
        raise contended(where, race) from race
    except errors.OperationalError as away:
        raise unreachable(where, away) from away
    except psycopg.Error as defect:
        raise refused(defect) from defect


def _line(error: object) -> str:
    """The first line of what the server said, which names no secret of a connection string."""
    return str(error).strip().partition("\n")[0] or type(error).__name__

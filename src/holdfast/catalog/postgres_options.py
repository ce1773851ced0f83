"""How a catalog on PostgreSQL is reached."""

from dataclasses import dataclass, field

CONNECTIONS_MAX_DEFAULT = 16
SCHEMA_DEFAULT = "holdfast"


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """`url` is libpq's, `postgresql://user:password@host/database`; it may hold a password and is never shown whole."""

    url: str = field(repr=False)
    schema: str = SCHEMA_DEFAULT
    """The tables stand in a schema of their own, made on first use."""
    connections_max: int = CONNECTIONS_MAX_DEFAULT
    """Of one process; requests wait for one another beyond that."""
    patience_seconds: float = 20.0
    """How long a request is held while the database cannot be reached, before it is answered Unavailable."""

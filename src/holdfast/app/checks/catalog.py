"""Whether the catalog can be reached, understood and written to."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.checks.finding import Finding, failed, ok, warning
from holdfast.app.option_kinds import without_password
from holdfast.catalog import sqlite_facts
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.model.clock import Clock
from holdfast.model.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.catalog.postgres_facts import DatabaseFacts

_PART = "catalog"
_SLOW_SECONDS = 0.05


def sqlite(path: Path) -> Iterator[Finding]:
    """The library and the file."""
    try:
        version = sqlite_facts.library()
        known = sqlite_facts.schema_known()
        if not path.exists():
            yield ok(_PART, f"SQLite {version}; {path} will be made at the first start")
            return
        facts = sqlite_facts.look(path)
    except HoldfastError as refused:
        yield failed(_PART, refused.message)
        return
    if facts.schema > known:
        yield failed(
            _PART, f"{path} has schema {facts.schema}, this program knows up to {known}", "use the newer program"
        )
        return
    step = "" if facts.schema == known else f", to be brought to {known} at the next start"
    yield ok(_PART, f"SQLite {version}, {path} opens, schema {facts.schema}{step}")


def postgres(options: PostgresOptions, workers: int, clock: Clock) -> "tuple[list[Finding], DatabaseFacts | None]":
    """The server, the schema and the rights; and what else the database says, where it can be asked."""
    where = without_password(options.url)
    try:
        from holdfast.catalog import postgres_facts
    except ImportError as missing:
        remedy = "pip install 'holdfast[postgres]'"
        return [failed(_PART, f"the catalog is to be on PostgreSQL, and {missing.name} is not installed", remedy)], None
    try:
        facts = postgres_facts.look(options, where, clock)
    except HoldfastError as refused:
        return [failed(_PART, refused.message)], None
    return [*_server(facts, where, options, workers), *_schema(facts, options)], facts


def _server(facts: "DatabaseFacts", where: str, options: PostgresOptions, workers: int) -> Iterator[Finding]:
    from holdfast.catalog import postgres_facts

    answer = f"PostgreSQL {facts.version_text} at {where} answers in {facts.round_trip_seconds * 1000:.1f} ms"
    if facts.version < postgres_facts.VERSION_MIN:
        yield failed(_PART, answer, "use PostgreSQL 13 or newer")
    elif facts.is_standby:
        yield failed(_PART, f"{answer}, and is a standby", "name the primary server")
    elif facts.encoding != "UTF8":
        yield failed(_PART, f"{answer}, in encoding {facts.encoding}", "make the database with ENCODING 'UTF8'")
    elif facts.round_trip_seconds > _SLOW_SECONDS:
        yield warning(_PART, answer, "move nodes and database closer together: a request asks it several times")
    else:
        yield ok(_PART, answer)
    if not facts.is_durable:
        yield warning(
            _PART,
            "fsync or full_page_writes is off there: a power cut loses what was acknowledged",
            "switch both on in postgresql.conf",
        )
    wanted = options.connections_max * workers
    if wanted > facts.connections_max:
        yield warning(
            _PART,
            f"{workers} worker(s) may want {wanted} connections, the server gives {facts.connections_max} to all",
            "raise max_connections there, or lower catalog_connections",
        )


def _schema(facts: "DatabaseFacts", options: PostgresOptions) -> Iterator[Finding]:
    from holdfast.catalog import postgres_facts

    known = postgres_facts.steps_known()
    schema = f"schema {options.schema}"
    if facts.contracted > known:
        yield failed(
            _PART, f"{schema} is at step {facts.contracted}, this program knows up to {known}", "use the newer program"
        )
        return
    if not facts.may_create:
        grant = "ON DATABASE" if facts.step is None else f"ON SCHEMA {options.schema}; with ON DATABASE for a new one"
        yield failed(_PART, f"this user may not make tables in {schema}", f"GRANT CREATE {grant} to it")
        return
    if facts.step is None:
        yield ok(_PART, f"{schema} will be made at the first start")
    elif facts.step < known:
        yield ok(_PART, f"{schema} is at step {facts.step}, to be brought to {known} at the next start")
    else:
        yield ok(_PART, f"{schema} is at step {facts.step}, this program speaks {known}")

"""A pooler between us and PostgreSQL: pgbouncer, real, in each of its modes."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from holdfast.app.checks.catalog import postgres
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_install import SchemaBeside
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.model.clock import SystemClock
from holdfast.model.errors import Unavailable
from scripts.servers.ports import free_port
from scripts.servers.postgres import Postgres
from tests.cli.serving import wait_for

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user=holdfast
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
{more}
"""


@contextmanager
def pooled(server: Postgres, *, keeps_settings: bool = False, **more: str) -> Iterator[str]:
    """The URL of a database of its own behind a pgbouncer with these settings; or one that keeps those of a session."""
    assert PGBOUNCER is not None
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-pool-"))
    file = folder / "pgbouncer.ini"
    lines = "\n".join(f"{name} = {value}" for name, value in more.items())
    file.write_text(SETTINGS.format(server=server.port, port=port, more=lines))
    folder.chmod(0o755)
    name = server.new_database()
    if keeps_settings:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for setting in ("search_path = holdfast, pg_catalog", "plan_cache_mode = force_generic_plan"):
                connection.execute(f"ALTER DATABASE {name} SET {setting}".encode())
    running = subprocess.Popen(
        [PGBOUNCER, "-q", "-u", "nobody", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = server.tcp_url(name, port)
    try:
        wait_for(lambda: answers(url), 30)
        yield url
    finally:
        running.kill()
        running.wait()
        shutil.rmtree(folder)


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError as refused:
        return "Connection refused" not in str(refused)


def refused_by(opens: Callable[[], object]) -> str:
    with pytest.raises(Unavailable) as refused:
        opens()
    return refused.value.message


@pytest.mark.parametrize("round_robin", ["0", "1"])
@pytest.mark.parametrize("busy", [0, 3])
def test_a_pool_of_transactions_is_refused_with_its_remedy(postgres_server: Postgres, round_robin: str, busy: int):
    with pooled(
        postgres_server, pool_mode="transaction", ignore_startup_parameters="options", server_round_robin=round_robin
    ) as url:
        others = [psycopg.connect(url) for _ in range(busy)]
        for other in others:
            # In a transaction each has a server process; afterwards the pool holds them all, idle.
            other.execute("SELECT 1")
        for other in others:
            other.rollback()
        said = refused_by(lambda: PostgresCatalog(PostgresOptions(url, patience_seconds=1)))
        # The settings are seen to be missing before two clients are seen to meet.
        assert "through a pooler" in said and "pool_mode = session" in said
        [finding], facts = postgres(PostgresOptions(url), 1, SystemClock())
        assert (finding.verdict, facts) == ("failed", None)
        assert "through a pooler" in finding.text
        for other in others:
            other.close()


@pytest.mark.parametrize("round_robin", ["0", "1"])
@pytest.mark.parametrize("busy", [0, 3])
def test_two_clients_are_seen_to_meet_in_a_pool_of_transactions(postgres_server: Postgres, round_robin: str, busy: int):
    with pooled(
        postgres_server,
        keeps_settings=True,
        pool_mode="transaction",
        ignore_startup_parameters="options",
        server_round_robin=round_robin,
    ) as url:
        others = [psycopg.connect(url) for _ in range(busy)]
        for other in others:
            other.execute("SELECT 1")
        for other in others:
            other.rollback()
        for opens in (
            lambda: PostgresCatalog(PostgresOptions(url, patience_seconds=1)),
            lambda: SchemaBeside(PostgresOptions(url, patience_seconds=1), 0.1),
        ):
            assert "hands a connection to another client after each transaction" in refused_by(opens)
        for other in others:
            other.close()


def test_a_pool_of_statements_is_refused(postgres_server: Postgres):
    with pooled(postgres_server, pool_mode="statement", ignore_startup_parameters="options") as url:
        assert "through a pooler" in refused_by(lambda: PostgresCatalog(PostgresOptions(url, patience_seconds=1)))


def test_a_pooler_that_refuses_our_settings_is_named_at_once(postgres_server: Postgres):
    with pooled(postgres_server, pool_mode="session") as url:
        said = refused_by(lambda: PostgresCatalog(PostgresOptions(url, patience_seconds=600)))
        assert "unsupported startup parameter" in said
        [finding], _ = postgres(PostgresOptions(url), 1, SystemClock())
        assert "a pooler is in between: name the PostgreSQL server itself" in finding.text


def test_a_pool_of_sessions_that_keeps_our_settings_is_a_server_like_any_other(postgres_server: Postgres):
    kept = {"keeps_settings": True, "pool_mode": "session", "ignore_startup_parameters": "options"}
    with (
        pooled(postgres_server, **kept) as url,  # type: ignore[arg-type]
        closing(PostgresCatalog(PostgresOptions(url, patience_seconds=5))) as catalog,
        catalog.snapshot() as tx,
    ):
        assert tx.one("SELECT 1") == (1,)


def test_without_a_pooler_one_connection_and_one_question_are_enough(postgres_server: Postgres):
    url = postgres_server.url(postgres_server.new_database())
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row == (connection.info.backend_pid,)
    PostgresCatalog(PostgresOptions(url)).close()

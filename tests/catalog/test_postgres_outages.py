"""A database that is away, slow, silent or back again: what is asked is answered in its time, and never wrongly."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from holdfast.catalog import postgres_connections
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_connections import Guard, connect
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.model.errors import HoldfastError, Internal, Transient, Unavailable
from scripts.servers.fault_proxy import FaultProxy
from scripts.servers.postgres import Postgres
from tests.catalog.postgres_rig import ADD, CHANGE, Crowd, counted, done, mark, marks, opened

PATIENCE = 2.0
SLACK = 4.0
"""What a busy machine may add."""


@pytest.fixture
def proxy(postgres_server: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def catalog(postgres_server: Postgres, proxy: FaultProxy) -> Iterator[PostgresCatalog]:
    name = postgres_server.new_database()
    with opened(postgres_server.tcp_url(name, proxy.port), patience_seconds=PATIENCE) as catalog:
        yield catalog
        proxy.pass_all()
    postgres_server.drop_database(name)


def refused_after(call: Callable[[], object]) -> float:
    """The seconds after which it was answered Unavailable."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        call()
    return time.monotonic() - began


def read(catalog: PostgresCatalog) -> list[tuple[object, ...]]:
    with catalog.snapshot() as tx:
        return tx.all("SELECT 1")


def test_asking_whether_it_answers_waits_for_no_request_and_fails_where_it_is_cut_off(
    postgres_url: str, postgres_server: Postgres, proxy: FaultProxy
):
    busy = PostgresCatalog(PostgresOptions(postgres_url, connections_max=1))
    with closing(busy), busy.snapshot():
        busy.ping(5)
    name = postgres_server.new_database()
    with opened(postgres_server.tcp_url(name, proxy.port)) as catalog:
        catalog.ping(5)
        proxy.cut()
        with pytest.raises(Unavailable):
            catalog.ping(0.1)
        proxy.pass_all()
        catalog.ping(5)
    postgres_server.drop_database(name)


@pytest.mark.timeout(60)
def test_while_it_is_cut_off_all_are_told_so_within_their_patience_and_then_all_goes_on(
    catalog: PostgresCatalog, proxy: FaultProxy
) -> None:
    proxy.cut()
    assert refused_after(lambda: done(catalog, mark("never"))) <= PATIENCE + SLACK
    assert refused_after(lambda: read(catalog)) <= PATIENCE + SLACK
    proxy.pass_all()
    assert done(catalog, mark("after")) == "after"
    assert marks(catalog) == ["after"]


@pytest.mark.timeout(60)
def test_what_is_asked_during_a_short_outage_is_done_when_it_is_over(
    catalog: PostgresCatalog, proxy: FaultProxy
) -> None:
    proxy.cut()
    back = threading.Timer(PATIENCE / 3, proxy.pass_all)
    back.start()
    assert done(catalog, mark("during")) == "during"
    back.join()
    assert marks(catalog) == ["during"]


@pytest.mark.timeout(120)
def test_a_connection_that_swallows_everything_is_given_up_and_what_was_asked_is_answered(
    catalog: PostgresCatalog, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "_CONNECT_SECONDS", 2)
    catalog._connections._guard._seconds_max = 1.0
    done(catalog, mark("before"))
    proxy.half_open()
    assert refused_after(lambda: done(catalog, mark("never"))) <= 1 + 2 + PATIENCE + SLACK
    assert refused_after(lambda: read(catalog)) <= 1 + 2 + PATIENCE + SLACK
    proxy.pass_all()
    assert done(catalog, mark("after")) == "after"
    assert marks(catalog) == ["after", "before"]


@pytest.mark.timeout(120)
def test_over_a_slow_and_late_network_everything_is_done_in_its_time(
    catalog: PostgresCatalog, proxy: FaultProxy
) -> None:
    proxy.delay(0.03)
    for number in range(3):
        done(catalog, mark(f"late {number}"))
    proxy.slow(60_000)
    for number in range(3):
        done(catalog, mark(f"slow {number}"))
    with catalog.snapshot() as tx:
        [(text,)] = tx.all("SELECT repeat('x', 100000)")
    assert len(text) == 100_000
    proxy.pass_all()
    assert len(marks(catalog)) == 6


@pytest.mark.timeout(120)
def test_a_crowd_over_every_kind_of_network_in_turn_is_never_answered_wrongly(
    catalog: PostgresCatalog, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "_CONNECT_SECONDS", 2)
    catalog._connections._guard._seconds_max = 1.0
    crowds = [Crowd(catalog, 4, ADD)]
    dice = random.Random(3)
    troubles = [proxy.cut, proxy.half_open, proxy.reset, lambda: proxy.slow(30_000), lambda: proxy.delay(0.05)]
    for trouble in troubles * 2:
        time.sleep(dice.random() / 2)
        trouble()
        time.sleep(1 + dice.random())
        proxy.pass_all()
    time.sleep(1)
    crowds[0].stop()
    crowds[0].check()
    assert {type(error) for _, error in crowds[0].refused} <= {Unavailable, Transient}
    assert len(crowds[0].acknowledged) > 20
    assert crowds[0].slowest <= 1 + 2 + PATIENCE + 3 * SLACK


@pytest.mark.timeout(60)
def test_the_guard_shuts_a_connection_whose_statement_is_not_answered_and_no_other(postgres_url: str) -> None:
    guard = Guard(seconds_max=0.5)
    options = PostgresOptions(postgres_url)
    with connect(options) as silent, connect(options) as busy:
        with guard.watching(silent):
            began = time.monotonic()
            with pytest.raises(psycopg.OperationalError):
                silent.execute("SELECT pg_sleep(20)")
            assert time.monotonic() - began < 5
        with guard.watching(busy):
            for _ in range(8):
                # Each statement begins the time anew.
                guard.extend(busy)
                busy.execute("SELECT pg_sleep(0.2)")
        time.sleep(1.2)
        assert busy.execute("SELECT 1").fetchone() == (1,)
    guard.close()


def test_who_is_refused_is_told_at_once_and_not_after_a_wait(postgres_server: Postgres) -> None:
    url = postgres_server.tcp_url("there_is_no_such_database")
    began = time.monotonic()
    with pytest.raises(Unavailable, match="does not exist"):
        PostgresCatalog(PostgresOptions(url, patience_seconds=30))
    assert time.monotonic() - began < 10


def test_no_error_shows_the_password(postgres_server: Postgres) -> None:
    url = "postgresql://somebody:s3cret@127.0.0.1:1/nothing"
    with pytest.raises(Unavailable) as refused:
        PostgresCatalog(PostgresOptions(url, patience_seconds=0.5))
    assert "s3cret" not in str(refused.value)
    assert "127.0.0.1:1/nothing" in refused.value.message
    assert "s3cret" not in repr(PostgresOptions(url))


@pytest.mark.timeout(60)
def test_no_more_connections_than_allowed_are_made_and_the_rest_wait_their_turn(postgres_url: str) -> None:
    with opened(postgres_url) as catalog:
        few = PostgresCatalog(PostgresOptions(postgres_url, connections_max=2, patience_seconds=20))
        crowd = Crowd(few, 8)
        most = 0
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with psycopg.connect(postgres_url) as connection:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'holdfast'"
                ).fetchone()
            assert row is not None
            most = max(most, row[0])
        crowd.stop()
        few.close()
        assert crowd.refused == crowd.defects == []
        assert sorted(crowd.acknowledged) == marks(catalog)
        # One of the first catalog, which made the tables.
        assert most <= 2 + 1


@pytest.mark.timeout(60)
def test_where_all_connections_stay_in_use_the_next_one_is_told_so(postgres_url: str) -> None:
    with opened(postgres_url):
        few = PostgresCatalog(PostgresOptions(postgres_url, connections_max=1, patience_seconds=1))
        with few.snapshot() as tx:
            tx.all("SELECT 1")
            other: list[HoldfastError] = []

            def ask() -> None:
                try:
                    done(few, mark("never"))
                except HoldfastError as refused:
                    other.append(refused)

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join(120)
        assert [type(refused) for refused in other] == [Unavailable]
        assert "connections" in other[0].message
        few.close()


def holder(url: str, kind: str, shared: str, idle_seconds: int = 2) -> subprocess.Popen[str]:
    """A process that has stopped itself within a transaction."""
    script = Path(__file__).with_name("stopped_holder.py")
    command = [sys.executable, str(script), url, kind, shared, str(idle_seconds)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "stopping\n"
    return child


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shared", ["alone", "shared"])
@pytest.mark.parametrize("kind", ["all", "run", "said"])
def test_a_process_that_sleeps_within_its_transaction_keeps_nobody_for_ever(
    postgres_url: str, kind: str, shared: str
) -> None:
    with opened(postgres_url) as catalog:
        with holder(postgres_url, kind, shared) as child:
            began = time.monotonic()
            assert done(catalog, mark("other"), CHANGE) == "other"
            assert time.monotonic() - began <= 2 + SLACK
            assert marks(catalog) == ["other"]
            # It wakes up, finds its connection gone, and does it again.
            os.kill(child.pid, signal.SIGCONT)
            assert child.stdout is not None
            assert child.stdout.read().strip() == "2 None"
        assert [name for name in marks(catalog) if name.startswith("holder")] == ["holder 2"]


@pytest.mark.timeout(200)
def test_a_database_that_is_stopped_and_started_under_load_is_waited_for(own_postgres_server: Postgres) -> None:
    url = own_postgres_server.tcp_url(own_postgres_server.new_database())
    with opened(url, patience_seconds=30) as catalog:
        crowds = [Crowd(catalog, 3, ADD)]
        for mode in ("fast", "immediate", "fast"):
            time.sleep(0.7)
            own_postgres_server.stop(mode)
            time.sleep(0.3)
            own_postgres_server.start()
        time.sleep(1)
        crowds[0].stop()
        crowds[0].check()
        # Within its patience nobody who writes is even told.
        assert crowds[0].refused == []
        assert len(crowds[0].acknowledged) > 20


@pytest.mark.timeout(100)
def test_a_database_that_stays_stopped_is_unavailable_and_usable_as_soon_as_it_is_back(
    own_postgres_server: Postgres,
) -> None:
    url = own_postgres_server.tcp_url(own_postgres_server.new_database())
    with opened(url, patience_seconds=PATIENCE) as catalog:
        done(catalog, mark("before"))
        own_postgres_server.stop("fast")
        assert refused_after(lambda: done(catalog, mark("never"))) <= PATIENCE + SLACK
        own_postgres_server.start()
        assert done(catalog, mark("after")) == "after"
        assert (marks(catalog), counted(catalog)) == (["after", "before"], 2)


@pytest.mark.timeout(100)
def test_sessions_that_an_administrator_ends_are_replaced_unseen(postgres_url: str) -> None:
    with opened(postgres_url) as catalog:
        crowd = Crowd(catalog, 4)
        for _ in range(10):
            time.sleep(0.2)
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'holdfast'"
                )
        crowd.stop()
        crowd.check()
        assert crowd.refused == []


def test_a_standby_is_refused_in_words(postgres_url: str) -> None:
    with opened(postgres_url) as catalog:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(Unavailable, match="takes no changes"):
            done(catalog, lambda tx: (tx.all("SELECT set_config('transaction_read_only', 'on', true)"), mark("x")(tx)))
        assert marks(catalog) == []


def test_a_lost_table_is_named_with_the_remedy(postgres_url: str) -> None:
    with opened(postgres_url) as catalog:
        done(catalog, lambda tx: tx.run("DROP TABLE holds"))
        with pytest.raises(Unavailable, match="holdfast rebuild") as refused:
            done(catalog, lambda tx: tx.all("SELECT * FROM holds"))
        assert not isinstance(refused.value, Internal)

import threading
import time
from urllib.parse import urlsplit

import psycopg
import pytest

from scripts.servers.fault_proxy import FaultProxy
from scripts.servers.postgres import Postgres


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


def test_a_client_is_answered_over_the_socket_and_over_tcp(postgres_server: Postgres, postgres_url: str) -> None:
    database = urlsplit(postgres_url).path[1:]
    for url in (postgres_url, postgres_server.tcp_url(database)):
        assert ask(url, "SELECT current_database()") == database
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW max_connections") == "300"
        assert ask(url, "SHOW listen_addresses") == "127.0.0.1"


def test_it_is_the_version_that_is_promised_or_a_later_one(postgres_url: str) -> None:
    assert int(str(ask(postgres_url, "SHOW server_version_num"))) >= 150_000


def test_a_database_is_new_and_empty_and_goes_although_somebody_is_connected(postgres_server: Postgres) -> None:
    name, other = postgres_server.new_database(), postgres_server.new_database()
    assert name != other
    with psycopg.connect(postgres_server.url(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE here (n int)")
        assert ask(postgres_server.url(other), "SELECT to_regclass('here') IS NULL") is True
        for one in (name, other):
            postgres_server.drop_database(one)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(postgres_server.url(name), "SELECT 1")


def test_what_was_committed_is_there_after_a_crash_and_a_start_on_the_same_port() -> None:
    with Postgres() as server:
        port, name = server.port, server.new_database()
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
            for mode in ("immediate", "fast"):
                server.stop(mode)
                with pytest.raises(psycopg.OperationalError):
                    ask(server.tcp_url(name), "SELECT 1")
                server.start()
                assert server.port == port
                assert ask(server.tcp_url(name), "SELECT n FROM kept") == 7
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")


def test_a_fault_proxy_stands_between(postgres_server: Postgres, postgres_url: str) -> None:
    database = urlsplit(postgres_url).path[1:]
    with FaultProxy(postgres_server.port) as proxy:
        url = postgres_server.tcp_url(database, proxy.port)
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            proxy.delay(0.1)
            began = time.monotonic()
            connection.execute("SELECT 1")
            assert time.monotonic() - began >= 0.2
            proxy.half_open()
            answered = threading.Event()

            def ask_in_vain() -> None:
                with pytest.raises(psycopg.OperationalError):
                    connection.execute("SELECT 1")
                answered.set()

            asking = threading.Thread(target=ask_in_vain)
            asking.start()
            assert not answered.wait(0.3)
            proxy.cut()
            asking.join(120)
            assert answered.is_set()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            ask(url, "SELECT 1")
        proxy.pass_all()
        assert ask(url, "SELECT 2") == 2

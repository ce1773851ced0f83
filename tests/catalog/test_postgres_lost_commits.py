"""The answer to a COMMIT gets lost: whatever is acknowledged happened once, whatever is refused once or not at all."""

import random
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from holdfast.catalog import postgres
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_outcome import find_out
from holdfast.model.errors import Unavailable
from scripts.servers.fault_proxy import FaultProxy
from scripts.servers.postgres import Postgres
from tests.catalog.postgres_rig import ADD, CHANGE, Crowd, counted, done, mark, marks, opened


@pytest.fixture
def proxy(postgres_server: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def catalog(postgres_server: Postgres, proxy: FaultProxy) -> Iterator[PostgresCatalog]:
    name = postgres_server.new_database()
    with opened(postgres_server.tcp_url(name, proxy.port)) as catalog:
        yield catalog
    proxy.pass_all()
    postgres_server.drop_database(name)


def traffic(catalog: PostgresCatalog, proxy: FaultProxy) -> int:
    """How many bytes the second transaction on a connection is, there and back: the first brings the statements."""
    proxy.reset()
    done(catalog, mark("warm"))
    before = proxy.bytes_up + proxy.bytes_down
    done(catalog, mark("measured"))
    return proxy.bytes_up + proxy.bytes_down - before


@pytest.mark.timeout(280)
def test_cut_after_each_byte_around_the_commit_every_step_happens_once(
    catalog: PostgresCatalog, proxy: FaultProxy
) -> None:
    size = traffic(catalog, proxy)
    # The order to commit and its answer are the last hundred bytes; before them every seventh is as good as each.
    places = [*range(0, size - 130, 23), *range(size - 130, size + 20)]
    for place in places:
        # A connection that was used this very moment, so that nothing else travels on it.
        done(catalog, mark(f"before {place}"))
        proxy.cut_after(place, stays=False)
        assert done(catalog, mark(f"cut {place}")) == f"cut {place}"
        proxy.pass_all()
    found = marks(catalog)
    wanted = [f"{kind} {place}" for place in places for kind in ("before", "cut")]
    assert found == sorted([*wanted, "warm", "measured"])
    assert counted(catalog) == len(found)


@pytest.mark.timeout(280)
def test_what_else_is_done_before_the_outcome_is_known_does_not_hide_it(
    catalog: PostgresCatalog, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def after_another(*about: object) -> bool:
        asked.append(f"between {len(asked)}")
        done(catalog, mark(asked[-1]))
        return find_out(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(postgres, "find_out", after_another)
    size = traffic(catalog, proxy)
    places = range(size - 130, size, 4)
    for place in places:
        done(catalog, mark(f"before {place}"))
        proxy.cut_after(place, stays=False)
        assert done(catalog, mark(f"cut {place}")) == f"cut {place}"
        proxy.pass_all()
    assert asked
    wanted = [f"{kind} {place}" for place in places for kind in ("before", "cut")]
    assert marks(catalog) == sorted([*wanted, *asked, "warm", "measured"])


@pytest.mark.timeout(280)
def test_a_refusal_whose_answer_is_lost_stays_a_refusal(catalog: PostgresCatalog, proxy: FaultProxy) -> None:
    size = traffic(catalog, proxy)
    before = marks(catalog)

    def refuses(tx: object) -> None:
        mark("never")(tx)  # type: ignore[arg-type]
        raise KeyError("its own")

    for place in range(size - 200, size + 20, 3):
        done(catalog, lambda tx: tx.all("SELECT 1"))
        proxy.cut_after(place, stays=False)
        with pytest.raises(KeyError):
            done(catalog, refuses)
        proxy.pass_all()
    assert marks(catalog) == before


@pytest.mark.timeout(280)
def test_many_threads_over_a_network_that_breaks_all_the_time_lose_and_repeat_nothing(
    catalog: PostgresCatalog, proxy: FaultProxy
) -> None:
    crowd = Crowd(catalog, 6)
    dice = random.Random(4)
    until = time.monotonic() + 12
    while time.monotonic() < until:
        proxy.cut_after(dice.randrange(200, 12_000), stays=False)
        time.sleep(dice.random() / 10)
        if dice.random() < 0.3:
            proxy.reset()
    proxy.pass_all()
    crowd.stop()
    crowd.check()
    assert len(crowd.acknowledged) > 50
    # Each was held until it was through: nobody needs to be told of a network that is back at once.
    assert crowd.refused == []


def test_a_database_that_stays_away_after_the_commit_was_sent_leaves_its_outcome_open(
    postgres_server: Postgres, proxy: FaultProxy
) -> None:
    name = postgres_server.new_database()
    url = postgres_server.tcp_url(name, proxy.port)
    with opened(url, patience_seconds=1) as catalog, opened(postgres_server.url(name)) as direct:
        size = traffic(catalog, proxy)
        refused: dict[str, int] = {}
        for place in range(size - 120, size, 8):
            done(catalog, mark(f"before {place}"))
            proxy.cut_after(place)
            name_of_mark = f"cut {place}"
            with pytest.raises(Unavailable, match=r"cannot be reached|send the request again"):
                done(catalog, mark(name_of_mark))
            refused[name_of_mark] = marks(direct).count(name_of_mark)
            proxy.pass_all()
        # Some of them happened and some did not; none came twice.
        assert set(refused.values()) == {0, 1}
    postgres_server.drop_database(name)


def test_while_the_session_may_still_commit_it_is_ended_and_not_guessed(
    postgres_server: Postgres, proxy: FaultProxy
) -> None:
    """The order to commit waits in the network while the other side looks what became of it."""
    name = postgres_server.new_database()
    with opened(postgres_server.tcp_url(name, proxy.port)) as catalog:
        size = traffic(catalog, proxy)
        done(catalog, mark("before"))
        # All but the order to commit arrives; the session sits in its transaction, holding the lock.
        proxy.cut_after(size - 60, stays=False)
        assert done(catalog, mark("after")) == "after"
        proxy.pass_all()
        assert marks(catalog).count("after") == 1
        with psycopg.connect(postgres_server.url(name)) as connection:
            [(left,)] = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            ).fetchall()
        assert left == 0
    postgres_server.drop_database(name)


@pytest.mark.timeout(280)
def test_a_database_that_crashes_again_and_again_while_others_write_too_loses_and_repeats_nothing(
    own_postgres_server: Postgres,
) -> None:
    """After a crash the numbers of transactions that were not written down are given out again."""
    name = own_postgres_server.new_database()
    url = own_postgres_server.tcp_url(name)
    with opened(url, patience_seconds=30) as first, opened(url, patience_seconds=30) as second:
        crowds = [Crowd(first, 3), Crowd(second, 3, CHANGE)]
        dice = random.Random(9)
        for _ in range(6):
            time.sleep(0.3 + dice.random() / 2)
            own_postgres_server.stop("immediate")
            own_postgres_server.start()
        time.sleep(0.5)
        for crowd in crowds:
            crowd.stop()
            assert crowd.defects == []
        # Both left their marks in one table.
        found = marks(first)
        acknowledged = sorted(crowds[0].acknowledged + crowds[1].acknowledged)
        refused = [mark for crowd in crowds for mark, _ in crowd.refused]
        assert len(acknowledged) > 30
        for crowd in crowds:
            assert set(crowd.acknowledged) <= set(found)
        assert len(found) <= len(acknowledged) + len(refused)
        assert len(found) == counted(first)
        for name_of_mark in set(found):
            times = sum(name_of_mark in (*crowd.acknowledged, *[m for m, _ in crowd.refused]) for crowd in crowds)
            assert found.count(name_of_mark) <= times


@pytest.mark.timeout(120)
def test_witnesses_do_not_pile_up(postgres_server: Postgres, postgres_url: str) -> None:
    with opened(postgres_url) as catalog:
        for number in range(50):
            done(catalog, mark(str(number)), ADD)
        with catalog.snapshot() as tx:
            assert tx.all("SELECT count(*) FROM witnesses") == [(1,)]
        threads = [threading.Thread(target=done, args=(catalog, mark(f"t{n}"), ADD)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with catalog.snapshot() as tx:
            [(rows,)] = tx.all("SELECT count(*) FROM witnesses")
    assert rows <= 16

"""A catalog on PostgreSQL that is made anew: beside the old one, and in its place in one moment."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from holdfast.app.build import System
from holdfast.app.rebuild import rebuild
from holdfast.catalog import identity, writers
from holdfast.catalog.postgres_install import SchemaBeside
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.model.errors import InvalidInput, InvalidState, Unavailable, UnusableKey
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.upkeep import heartbeat
from tests.backends import Backend, SharedPlace, shared_only
from tests.records.rig import CALLER, Store

SCHEMAS = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'holdfast%' ORDER BY nspname"
pytestmark = shared_only("the catalog is on PostgreSQL")


@pytest.fixture
def filled(store: Store) -> Iterator[tuple[Store, dict[str, object]]]:
    with store.opened():
        store.back_up({"a": b"a", "same": b"s"})
        store.back_up({"b": b"b" * 5000})
        says = store.says()
    yield store, says
    assert isinstance(store.place, SharedPlace)
    store.place._is_as_taken = False


def place_of(store: Store) -> SharedPlace:
    assert isinstance(store.place, SharedPlace)
    return store.place


def sql(store: Store, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(place_of(store).url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def schemas(store: Store) -> list[object]:
    return [row[0] for row in sql(store, SCHEMAS)]


def test_the_old_catalog_is_kept_under_another_name_and_nothing_else_is_left(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, before = filled
    for number in range(1, 4):
        assert store.rebuild(replace=True).is_whole
        assert schemas(store) == ["holdfast", *(f"holdfast_replaced_{n}" for n in range(1, number + 1))]
    assert not list(store.folder.glob("catalog*"))
    with store.opened():
        assert store.says() == before
    assert sql(store, "SELECT count(*) FROM holdfast_replaced_1.recovery_points") == [(2,)]


@pytest.mark.parametrize(
    "damage",
    [
        "DROP SCHEMA holdfast CASCADE",
        "DROP SCHEMA holdfast CASCADE; CREATE SCHEMA holdfast",
        "DROP TABLE holdfast.writers CASCADE",
        "DROP TABLE holdfast.schema_steps",
        "DROP TABLE holdfast.packs, holdfast.vaults CASCADE",
        "ALTER TABLE holdfast.packs DROP COLUMN bytes",
        "DELETE FROM holdfast.packs",
    ],
)
def test_whatever_is_damaged_in_the_old_one_the_new_one_is_whole(
    filled: tuple[Store, dict[str, object]], damage: str
) -> None:
    store, before = filled
    sql(store, damage)
    # Not everything that is missing is noticed by a look at the packs.
    assert store.rebuild(replace=True).is_whole
    with store.opened():
        assert store.says() == before


def test_a_node_that_lives_keeps_the_catalog(filled: tuple[Store, dict[str, object]]) -> None:
    store, _ = filled
    with store.opened():
        store.put(store.start(), "x", b"x")
        with pytest.raises(Unavailable, match="in use: a node has the catalog"):
            store.rebuild(replace=True)
    assert schemas(store) == ["holdfast"]


def dead_writer(store: Store) -> int:
    """A node that was killed: it lives in the catalog and gives no sign of life."""
    [(number,)] = sql(store, "INSERT INTO holdfast.writers (started_us) VALUES (1) RETURNING writer_no")
    assert isinstance(number, int)
    return number


def test_a_node_that_was_killed_is_waited_for_and_then_in_nobodys_way(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, before = filled
    number = dead_writer(store)
    store.options = replace(store.options, node_silence_seconds=2)
    began = time.monotonic()
    assert store.rebuild(replace=True).is_whole
    assert time.monotonic() - began >= 2
    assert sql(store, f"SELECT ended FROM holdfast_replaced_1.writers WHERE writer_no = {number}") == [(1,)]
    with store.opened():
        assert store.says() == before


def test_no_number_of_a_writer_is_ever_given_again(filled: tuple[Store, dict[str, object]]) -> None:
    store, _ = filled
    store.options = replace(store.options, node_silence_seconds=1)
    highest = dead_writer(store)
    for _ in range(2):
        store.rebuild(replace=True)
        with store.opened():
            assert store.system is not None
            assert store.system.writer.number > highest
            highest = store.system.writer.number
    # Nor where nobody knows which there were.
    sql(store, "DROP SCHEMA holdfast CASCADE")
    store.rebuild()
    with store.opened():
        assert store.system is not None
        assert store.system.writer.number > 1000


@pytest.mark.timeout(120)
def test_a_node_that_slept_through_it_is_refused_and_goes_on_under_another_number(
    filled: tuple[Store, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sessions, its prepared statements and its numbers are of the old catalog."""
    store, _ = filled
    # It gives no sign of life, as if it were stopped.
    monkeypatch.setattr(heartbeat.Heartbeat, "_run", lambda self: None)
    options = place_of(store).node("sleeper")
    sleeper = System(options, Metrics(), open_log("error", "json", io.StringIO()), background=False)
    job = store.start_on(sleeper)
    store.put_on(sleeper, job, "before", b"before")
    number = sleeper.writer.number
    store.options = replace(store.options, node_silence_seconds=1)
    assert store.rebuild(replace=True).is_whole
    with store.opened():
        before = store.says()
        arn = store.back_up({"c": b"c"})
        # Jobs that ran are gone; it hears that from the new catalog, and a new job is taken in there.
        with pytest.raises(Exception, match=r"(?i)no backup job|unknown|not known|there is no"):
            store.put_on(sleeper, job, "after", b"after")
        job = store.start_on(sleeper, "elsewhere")
        store.put_on(sleeper, job, "after", b"after")
        sleeper.handlers["CommitBackupJob"](CALLER, {"BackupJobId": job})
        assert sleeper.writer.number != number
        after = store.says()
        assert arn in after
        assert set(before) < set(after)
        assert sql(store, "SELECT count(*) FROM holdfast_replaced_1.recovery_points") == [(2,)]
    sleeper.close()


def test_a_pack_that_arrives_after_it_was_read_is_looked_for_once_more(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, _ = filled
    uid, vault = os.urandom(16), sql(store, "SELECT uid FROM holdfast.vaults")[0][0]
    assert isinstance(vault, bytes)
    sql(
        store,
        f"INSERT INTO holdfast.packs (uid, vault_no, writer_no) VALUES ('\\x{uid.hex()}', 1, 0)",
    )
    store.rebuild(replace=True)
    late = sql(store, "SELECT uid, vault_uid FROM holdfast.late_packs")
    assert (uid, vault) in late
    known = {row[0] for row in sql(store, "SELECT uid FROM holdfast.packs")}
    assert not known & {row[0] for row in late}


def test_it_is_written_down_whose_store_it_is_and_how_far_its_packs_were_counted(
    filled: tuple[Store, dict[str, object]], tmp_path: Path
) -> None:
    store, _ = filled
    [before] = sql(store, "SELECT root_id, access_key_id FROM holdfast.identity")
    [(announced,)] = sql(store, "SELECT packs FROM holdfast.announced")
    sql(store, "DROP SCHEMA holdfast CASCADE")
    store.rebuild()
    assert sql(store, "SELECT root_id, access_key_id FROM holdfast.identity") == [before]
    [(counted,)] = sql(store, "SELECT packs FROM holdfast.announced")
    assert isinstance(counted, int) and isinstance(announced, int)
    assert counted >= announced
    stranger = replace(place_of(store).options(), directory=tmp_path / "stranger")
    with pytest.raises(UnusableKey):
        System(stranger, Metrics(), open_log("error", "json", io.StringIO())).close()


def test_another_node_may_rebuild_with_the_key_files_that_are_mounted_for_it(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, before = filled
    sql(store, "DROP SCHEMA holdfast CASCADE")
    options = place_of(store).node("other")
    assert rebuild(options).is_whole
    assert not list(options.directory.glob("catalog*"))
    with store.opened():
        assert store.says() == before


def test_two_rebuilds_at_the_same_time_are_one_too_many(filled: tuple[Store, dict[str, object]]) -> None:
    store, _ = filled
    options = place_of(store).options().catalog
    assert options is not None
    with closing(SchemaBeside(options, 1)), pytest.raises(Unavailable, match="being rebuilt by another process"):
        rebuild(place_of(store).node("other"), replace=True)
    assert store.rebuild(replace=True).is_whole


def test_what_an_earlier_attempt_left_is_in_nobodys_way(filled: tuple[Store, dict[str, object]]) -> None:
    store, before = filled
    sql(store, "CREATE SCHEMA holdfast_rebuilding; CREATE TABLE holdfast_rebuilding.vaults (nonsense INT)")
    assert store.rebuild(replace=True).is_whole
    assert schemas(store) == ["holdfast", "holdfast_replaced_1"]
    with store.opened():
        assert store.says() == before


def test_a_long_name_of_a_schema_is_refused_before_anything_is_done(backend: Backend, postgres_url: str) -> None:
    with pytest.raises(InvalidInput, match="at most 40"):
        SchemaBeside(PostgresOptions(postgres_url, schema="s" * 41), 1)


def test_a_usable_catalog_is_not_replaced_unasked_and_nothing_is_touched(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, _ = filled
    before = sql(store, "SELECT xmin::text, * FROM holdfast.recovery_points")
    with pytest.raises(InvalidState, match="--replace"):
        store.rebuild()
    assert schemas(store) == ["holdfast"]
    assert sql(store, "SELECT xmin::text, * FROM holdfast.recovery_points") == before


KILLED = """
import sys
from dataclasses import replace
from holdfast.app.config import StoreOptions
from holdfast.app.rebuild import rebuild
from holdfast.blobs.s3_options import S3Options
from holdfast.catalog.postgres_options import PostgresOptions
from pathlib import Path
directory, url, bucket, prefix, endpoint, region, key, secret = sys.argv[1:]
rebuild(StoreOptions(Path(directory), catalog=PostgresOptions(url), node_silence_seconds=1,
        bucket=S3Options(bucket, prefix, endpoint, region, key, secret)), replace=True,
        progress=lambda *said: print(*said, flush=True))
print("done", flush=True)
"""


@pytest.mark.timeout(250)
def test_killed_at_any_moment_it_leaves_the_old_catalog_or_the_new_one(
    filled: tuple[Store, dict[str, object]],
) -> None:
    store, before = filled
    place = place_of(store)
    bucket = place.bucket
    words = [str(place.folder), place.url, bucket.bucket, bucket.prefix, str(bucket.endpoint), bucket.region]
    words += [str(bucket.access_key_id), str(bucket.secret_access_key)]
    whole = 0
    for lines in (1, 2, 4, 6, 8, 10, 1000):
        with subprocess.Popen([sys.executable, "-c", KILLED, *words], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            said = [line for _, line in zip(range(lines), child.stdout, strict=False)]
            child.send_signal(signal.SIGKILL)
        whole += said[-1:] == ["done\n"]
        assert "holdfast" in schemas(store)
        with store.opened():
            assert store.says() == before
    assert whole >= 1
    assert store.rebuild(replace=True).is_whole
    assert "holdfast_rebuilding" not in schemas(store)


def test_a_node_that_asks_in_the_very_moment_waits_and_then_asks_the_new_one(
    filled: tuple[Store, dict[str, object]],
) -> None:
    """The moment in which the schemas change places: a session with everything prepared comes right through."""
    store, _ = filled
    options = place_of(store).options().catalog
    assert options is not None
    from holdfast.catalog.postgres import PostgresCatalog

    answers: list[object] = []
    stop = threading.Event()
    with closing(PostgresCatalog(options)) as reader:

        def ask() -> None:
            while not stop.is_set():
                with reader.snapshot() as tx:
                    answers.append(len(tx.all("SELECT uid FROM recovery_points")))
                    answers.append(identity.announced(tx))
                    writers.live(tx)

        thread = threading.Thread(target=ask)
        thread.start()
        store.rebuild(replace=True)
        time.sleep(0.2)
        stop.set()
        thread.join()
        with reader.snapshot() as tx:
            where = tx.all("SELECT 'recovery_points'::regclass::oid = 'holdfast.recovery_points'::regclass::oid")
    assert where == [(True,)]
    assert set(answers[::2]) == {2}

"""What runs beside what on PostgreSQL; races are lost and won again below, and nobody above ever sees one."""

import threading
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest

from holdfast.catalog import backup_jobs, chunk_index, objects, packs, vaults
from holdfast.catalog.backup_jobs import NewBackupJob
from holdfast.catalog.chunk_index import NewChunk
from holdfast.catalog.objects import ObjectRow, PageFilter, View
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.transaction import Row, Tx
from holdfast.catalog.vaults import VaultRow
from holdfast.model.errors import HoldfastError, Internal, InvalidState, Transient
from holdfast.model.outcome import Outcome
from holdfast.model.purpose import Purpose
from tests.catalog.postgres_rig import ADD, CHANGE, counted, done, mark, marks, opened
from tests.upkeep.ledger import LEASE, NOW

VAULT, PACK = b"v" * 16, b"p" * 16


@pytest.fixture
def catalog(postgres_url: str) -> Iterator[PostgresCatalog]:
    with opened(postgres_url) as catalog:
        yield catalog


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """What each call returned or raised, all of them made at the same time."""
    results: list[object] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            results[place] = calls[place]()
        except HoldfastError as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


class Meeting:
    """The first time that so many are here, all wait for each other; later they pass."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)
        self._been: set[int] = set()
        self.attempts = 0

    def __call__(self) -> None:
        self.attempts += 1
        me = threading.get_ident()
        if me not in self._been:
            self._been.add(me)
            self._barrier.wait(120)


class MeetingAtInsert:
    """A transaction in which somebody else has looked too before anything is written."""

    def __init__(self, tx: Tx, meeting: Meeting) -> None:
        self._tx = tx
        self._meeting = meeting

    def __getattr__(self, name: str) -> object:
        return getattr(self._tx, name)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if rows:
            self._meeting()
        self._tx.insert(table, columns, rows)


def vault(catalog: PostgresCatalog) -> int:
    def step(tx: Tx) -> int:
        vaults.insert(tx, VaultRow(0, VAULT, "default", None, None, NOW))
        packs.register(tx, VAULT, PACK, 0)
        return vaults.get(tx, "default").vault_no

    return done(catalog, step)


def new_chunk(number: int) -> NewChunk:
    return NewChunk(number.to_bytes(32, "big"), b"d" * 32, 10, PACK, number * 100, 100)


@pytest.mark.timeout(60)
def test_the_same_chunk_by_two_at_the_same_moment_is_one_row_and_both_are_answered(catalog: PostgresCatalog) -> None:
    vault_no = vault(catalog)
    meeting = Meeting(2)

    def step(tx: Tx) -> list[int]:
        return chunk_index.record(MeetingAtInsert(tx, meeting), vault_no, [new_chunk(7)])  # type: ignore[arg-type]

    first, second = at_once([lambda: done(catalog, step, ADD)] * 2)
    assert first == second
    assert isinstance(first, list)
    # Both had looked and found nothing before either wrote; the second attempt of one found the other's.
    assert meeting.attempts == 2
    with catalog.snapshot() as tx:
        assert tx.all("SELECT count(*) FROM chunks") == [(1,)]


@pytest.mark.timeout(120)
def test_many_who_bring_the_same_chunks_in_any_order_are_all_answered_alike(catalog: PostgresCatalog) -> None:
    vault_no = vault(catalog)

    def bring(place: int) -> dict[int, int]:
        told = {}
        for turn in range(10):
            # Forwards and backwards, so that they also wait for each other in a circle.
            numbers = range(turn * 5, turn * 5 + 5)
            wanted = list(numbers if place % 2 else reversed(numbers))
            chunks = [new_chunk(number) for number in wanted]
            rows = done(catalog, lambda tx, chunks=chunks: chunk_index.record(tx, vault_no, chunks), ADD)
            told |= dict(zip(wanted, rows, strict=True))
        return told

    results = at_once([lambda place=place: bring(place) for place in range(8)])
    assert all(result == results[0] for result in results)
    assert isinstance(results[0], dict) and len(set(results[0].values())) == 50


def job(catalog: PostgresCatalog, vault_no: int) -> View:
    new = NewBackupJob("job", "point", vault_no, "arn:aws:holdfast:local:0:source/a", "r", None, "{}", NOW, LEASE)

    def step(tx: Tx) -> View:
        backup_jobs.start(tx, new)
        row = backup_jobs.find(tx, "job")
        assert row is not None
        return View(row.series_no, row.base_seq, own=row.seq, job_no=row.job_no)

    return done(catalog, step)


@pytest.mark.timeout(120)
def test_of_one_name_by_many_at_the_same_moment_one_object_is_in_the_view(catalog: PostgresCatalog) -> None:
    view = job(catalog, vault(catalog))
    meeting = Meeting(4)

    def put(place: int) -> bytes:
        seal = place.to_bytes(8, "big")

        def step(tx: Tx) -> bytes:
            [number] = objects.take_numbers(tx, 1)
            objects.retire(tx, view, ["name"])
            meeting()
            objects.insert_whole(tx, view, [ObjectRow(number, "name", NOW, 0, 0, seal, None, None, None)])
            return seal

        return done(catalog, step, ADD)

    results = at_once([lambda place=place: put(place) for place in range(4)])
    assert sorted(results) == [place.to_bytes(8, "big") for place in range(4)]  # type: ignore[type-var]
    assert meeting.attempts > 4
    with catalog.snapshot() as tx:
        [seen] = objects.page(tx, view, PageFilter(), 10)
        states = tx.all("SELECT state, count(*) FROM objects GROUP BY state ORDER BY state")
    assert seen.sealed_checksum in results
    assert states == [("GONE", 3), ("WHOLE", 1)]


@pytest.mark.timeout(60)
def test_two_who_wait_for_each_other_are_both_done(catalog: PostgresCatalog) -> None:
    meeting = Meeting(2)

    def step(first: str, second: str) -> Callable[[Tx], str]:
        def both(tx: Tx) -> str:
            for name in (first, second):
                tx.run("UPDATE counters SET value = value + 1 WHERE name = :name", {"name": name})
                if name == first:
                    meeting()
            return first

        return both

    results = at_once([lambda: done(catalog, step("a", "b"), ADD), lambda: done(catalog, step("b", "a"), ADD)])
    assert results == ["a", "b"]
    assert meeting.attempts == 3
    assert (counted(catalog, "a"), counted(catalog, "b")) == (2, 2)


@pytest.mark.timeout(120)
def test_what_is_alone_has_nobody_beside_it_and_what_adds_has(catalog: PostgresCatalog) -> None:
    inside = {"shared": 0, "alone": 0}
    seen: list[tuple[str, int, int]] = []
    lock = threading.Lock()

    def step(kind: str) -> Callable[[Tx], None]:
        def stay(tx: Tx) -> None:
            with lock:
                inside[kind] += 1
                seen.append((kind, inside["shared"], inside["alone"]))
            tx.all("SELECT pg_sleep(0.005)")
            with lock:
                seen.append((kind, inside["shared"], inside["alone"]))
                inside[kind] -= 1

        return stay

    def live(purpose: Purpose) -> None:
        for _ in range(15):
            done(catalog, step("shared" if purpose.is_shared else "alone"), purpose)

    purposes = [ADD, Purpose.READ, ADD, CHANGE, Purpose.FREE, Purpose.BEGIN]
    results = at_once([lambda purpose=purpose: live(purpose) for purpose in purposes])
    assert results == [None] * len(purposes)
    assert max(shared for kind, shared, _ in seen if kind == "shared") > 1
    assert {(shared, alone) for kind, shared, alone in seen if kind == "alone"} == {(0, 1)}
    assert {alone for kind, _, alone in seen if kind == "shared"} == {0}


@pytest.mark.timeout(60)
def test_another_schema_of_the_same_database_is_another_store(catalog: PostgresCatalog, postgres_url: str) -> None:
    with opened(postgres_url, schema="other_one") as other:

        def beside(tx: Tx) -> int:
            return done(other, lambda inner: inner.run("UPDATE counters SET value = 7 WHERE name = 'b'"))

        assert done(catalog, beside) == 1
        assert (counted(catalog, "b"), counted(other, "b")) == (0, 7)


@pytest.mark.timeout(60)
def test_a_step_that_must_not_share_is_run_again_alone_and_leaves_nothing_of_before(catalog: PostgresCatalog) -> None:
    runs: list[int] = []

    def step(tx: Tx) -> str:
        runs.append(len(runs))
        mark(f"run {len(runs)}")(tx)
        tx.alone()
        return "done"

    outcomes = catalog.run([mark("beside"), step], ADD)
    assert [outcome.value for outcome in outcomes] == ["beside", "done"]
    assert marks(catalog) == ["beside", "run 2"]
    done(catalog, step, CHANGE)
    assert len(runs) == 3


def raising(error: Exception, name: str) -> Callable[[Tx], None]:
    def step(tx: Tx) -> None:
        mark(name)(tx)
        tx.insert("marks", ("mark",), [(f"{name} more",)])
        raise error

    return step


@pytest.mark.parametrize("error", [InvalidState("the job is over"), ValueError("a defect"), KeyError("another")])
def test_a_steps_own_exception_undoes_it_alone(catalog: PostgresCatalog, error: Exception) -> None:
    outcomes = catalog.run([mark("first"), raising(error, "second"), mark("third")], ADD)
    assert [outcome.value for outcome in outcomes] == ["first", None, "third"]
    assert [outcome.error for outcome in outcomes] == [None, error, None]
    assert marks(catalog) == ["first", "third"]
    assert counted(catalog) == 2
    assert catalog.run([raising(error, "alone")]) == [Outcome(error=error)]
    assert catalog.run([raising(error, "all"), raising(error, "all")]) == [Outcome(error=error)] * 2
    assert marks(catalog) == ["first", "third"]


@pytest.mark.parametrize("rows", [1, 600])
def test_rows_of_a_step_that_is_undone_are_gone_whichever_way_they_went_in(catalog: PostgresCatalog, rows: int) -> None:
    def step(tx: Tx) -> None:
        tx.insert("marks", ("mark",), [(str(number),) for number in range(rows)])
        raise InvalidState("no")

    outcomes = catalog.run([mark("kept"), step, mark("too")])
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert marks(catalog) == ["kept", "too"]


@pytest.mark.parametrize(
    "defect",
    [
        lambda tx: tx.all("SELECT 1 / 0"),
        lambda tx: tx.run("UPDATE no_such_column SET x = 1"),
        lambda tx: tx.insert("counters", ("name", "value"), [("c", None)]),
        lambda tx: tx.insert("counters", ("name", "value"), [("a", 1)]),
        lambda tx: tx.insert("counters", ("name", "value"), [(str(n), n) for n in range(600)] + [("a", 1)]),
    ],
    ids=["an error", "a missing table", "a missing value", "a row that is there", "among many rows"],
)
def test_a_statement_that_the_database_refuses_is_a_defect_of_the_whole_group_and_of_nobody_else(
    catalog: PostgresCatalog, defect: Callable[[Tx], object]
) -> None:
    for _ in range(3):
        with pytest.raises(HoldfastError) as raised:
            catalog.run([mark("beside"), defect])
        assert not isinstance(raised.value, Transient)
        assert marks(catalog) == []
    assert done(catalog, mark("after")) == "after"
    assert (marks(catalog), counted(catalog)) == (["after"], 1)


def test_a_row_that_is_there_although_nobody_was_beside_is_no_race(catalog: PostgresCatalog) -> None:
    with pytest.raises(Internal, match="refused a statement"):
        done(catalog, lambda tx: tx.insert("counters", ("name", "value"), [("a", 1)]), CHANGE)
    with pytest.raises(Internal):
        # Shared at first; from the fourth time on alone, where it is found out.
        done(catalog, lambda tx: tx.insert("counters", ("name", "value"), [("a", 1)]), ADD)


def test_a_race_that_is_lost_again_and_again_is_transient_after_a_bound(catalog: PostgresCatalog) -> None:
    attempts: list[int] = []

    def step(tx: Tx) -> None:
        attempts.append(1)
        mark("never")(tx)
        tx.run("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure'; END $$")

    with pytest.raises(Transient, match="other requests kept changing"):
        done(catalog, step, ADD)
    assert len(attempts) == 12
    assert marks(catalog) == []


def test_a_race_that_is_lost_a_few_times_is_never_seen(catalog: PostgresCatalog) -> None:
    attempts: list[str] = []

    def step(tx: Tx) -> str:
        attempts.append("1")
        mark("once")(tx)
        if len(attempts) < 9:
            code = ("40001", "40P01", "55P03", "57014")[len(attempts) % 4]
            tx.run(f"DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '{code}'; END $$")
        return "won"

    assert done(catalog, step, ADD) == "won"
    assert marks(catalog) == ["once"]
    assert counted(catalog) == 1


def test_a_snapshot_is_one_moment_and_writes_nothing(catalog: PostgresCatalog) -> None:
    with catalog.snapshot() as tx:
        before = tx.all("SELECT value FROM counters WHERE name = 'a'")
        done(catalog, mark("meanwhile"))
        assert tx.all("SELECT value FROM counters WHERE name = 'a'") == before
        assert tx.all("SELECT mark FROM marks") == []
    assert marks(catalog) == ["meanwhile"]
    with pytest.raises(HoldfastError), catalog.snapshot() as tx:
        tx.run("UPDATE counters SET value = 99")
    assert counted(catalog) == 1


def test_no_connection_stays_in_a_transaction_whatever_went_wrong(catalog: PostgresCatalog, postgres_url: str) -> None:
    def quietly(call: Callable[[], object]) -> None:
        try:
            call()
        except (HoldfastError, ZeroDivisionError):
            return

    def falls_over() -> None:
        with catalog.snapshot() as tx:
            tx.all("SELECT 1")
            raise ZeroDivisionError

    def endless(tx: Tx) -> None:
        mark("x")(tx)
        raise KeyboardInterrupt

    for _ in range(30):
        quietly(lambda: catalog.run([lambda tx: tx.all("SELECT 1 / 0")]))
        quietly(lambda: catalog.run([raising(InvalidState("no"), "x"), mark("y")]))
        quietly(lambda: catalog.run([raising(InvalidState("no"), "x")]))
        quietly(falls_over)
        with pytest.raises(KeyboardInterrupt):
            catalog.run([endless])
    with psycopg.connect(postgres_url) as connection:
        states = connection.execute(
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'holdfast' GROUP BY state"
        ).fetchall()
    assert {state for state, _ in states} == {"idle"}
    assert sum(number for _, number in states) <= 16

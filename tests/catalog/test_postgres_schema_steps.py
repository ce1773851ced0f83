"""Programs of two versions side by side: what adds is applied at once, what takes away waits for everybody."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from holdfast.catalog import postgres_schema, writers
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_schema import SchemaStep, known_steps
from holdfast.catalog.writer import Writer
from holdfast.model.errors import HoldfastError, Unavailable, WriterEnded
from holdfast.model.purpose import Purpose
from tests.catalog.postgres_rig import ADD, done, mark, marks, opened

WHERE = "of the test"
KNOWN = known_steps()
NOW = KNOWN[-1].number
EXPAND = SchemaStep(NOW + 1, contracts=False, text="ALTER TABLE vaults ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'")
CONTRACT = SchemaStep(NOW + 2, contracts=True, text="ALTER TABLE vaults DROP COLUMN encryption_key_arn")
LATER = SchemaStep(NOW + 3, contracts=False, text="ALTER TABLE vaults ADD COLUMN taste TEXT")
NEWER = [*KNOWN, EXPAND, CONTRACT, LATER]


@pytest.fixture
def options(postgres_url: str) -> PostgresOptions:
    return PostgresOptions(postgres_url)


@pytest.fixture
def older(postgres_url: str) -> Iterator[PostgresCatalog]:
    """The program of before, at work: it knows no step beyond `NOW`."""
    with opened(postgres_url) as catalog:
        yield catalog


def joined(catalog: PostgresCatalog, speaks: int) -> Writer:
    return Writer(catalog, 1, joins=True, speaks=speaks)


def applied(options: PostgresOptions) -> list[int]:
    with psycopg.connect(options.url) as connection:
        rows = connection.execute(f"SELECT number FROM {options.schema}.schema_steps ORDER BY number").fetchall()
    return [row[0] for row in rows]


def columns(options: PostgresOptions) -> set[str]:
    with psycopg.connect(options.url) as connection:
        rows = connection.execute(
            "SELECT column_name::text FROM information_schema.columns"
            " WHERE table_schema = 'holdfast' AND table_name = 'vaults'"
        ).fetchall()
    return {row[0] for row in rows}


def test_the_steps_that_there_are_are_in_order_and_begin_with_the_first() -> None:
    assert [step.number for step in KNOWN] == list(range(1, NOW + 1))
    assert not KNOWN[0].contracts
    assert postgres_schema.speaks() == NOW


def test_what_adds_is_applied_while_an_older_program_writes_and_what_takes_away_waits(
    older: PostgresCatalog, options: PostgresOptions
) -> None:
    writer = joined(older, NOW)
    postgres_schema.apply(options, WHERE, NEWER)
    assert columns(options) >= {"colour", "encryption_key_arn"}
    # Nor is anything done that comes after it, for it may build on it.
    assert applied(options) == [*range(1, NOW + 1), EXPAND.number]
    assert done(older, mark("still here"), ADD) == "still here"
    # The newer one beside it changes nothing of that.
    with closing(PostgresCatalog(options)) as newer:
        joined(newer, LATER.number)
        postgres_schema.apply(options, WHERE, NEWER)
        assert "encryption_key_arn" in columns(options)
        writer.leave()
        postgres_schema.apply(options, WHERE, NEWER)
        assert "encryption_key_arn" not in columns(options)
        assert columns(options) >= {"colour", "taste"}
        assert applied(options)[-3:] == [EXPAND.number, CONTRACT.number, LATER.number]


def test_a_program_that_does_not_know_what_was_taken_away_refuses(options: PostgresOptions) -> None:
    with opened(options.url):
        postgres_schema.apply(options, WHERE, NEWER)
    with pytest.raises(Unavailable, match=f"step {CONTRACT.number}, this program knows up to {NOW}: use the newer"):
        PostgresCatalog(options)


def test_a_program_that_does_not_know_what_was_only_added_goes_on(options: PostgresOptions) -> None:
    with opened(options.url):
        postgres_schema.apply(options, WHERE, [*KNOWN, EXPAND])
    with closing(PostgresCatalog(options)) as older:
        joined(older, NOW)


def test_a_program_that_had_opened_its_catalog_before_something_was_taken_away_takes_no_number_afterwards(
    older: PostgresCatalog, options: PostgresOptions
) -> None:
    postgres_schema.apply(options, WHERE, NEWER)
    assert "encryption_key_arn" not in columns(options)
    with pytest.raises(Unavailable, match="use the newer program"):
        joined(older, NOW)
    with older.snapshot() as tx:
        assert writers.live(tx) == {}


def test_one_that_was_thought_dead_while_something_was_taken_away_does_not_begin_anew(
    older: PostgresCatalog, options: PostgresOptions
) -> None:
    writer = joined(older, NOW)
    # It was silent, and somebody ended it.
    with closing(PostgresCatalog(options)) as other:
        done(other, lambda tx: writers.end(tx, writer.number), Purpose.BEGIN)
    postgres_schema.apply(options, WHERE, NEWER)
    with pytest.raises(WriterEnded):
        done(older, mark("never"), ADD)
    with pytest.raises(Unavailable, match="use the newer program"):
        writer.begin_anew(2, writer.number)


@pytest.mark.timeout(60)
def test_who_takes_a_number_while_something_is_taken_away_is_first_or_refused(
    older: PostgresCatalog, options: PostgresOptions
) -> None:
    """The step is under way, and has found nobody: whoever comes now waits for its end."""
    slow = SchemaStep(CONTRACT.number, contracts=True, text=f"SELECT pg_sleep(1); {CONTRACT.text}")
    applying = threading.Thread(target=postgres_schema.apply, args=(options, WHERE, [*KNOWN, EXPAND, slow]))
    applying.start()
    time.sleep(0.4)
    refused: list[HoldfastError] = []
    try:
        joined(older, NOW)
    except Unavailable as late:
        refused.append(late)
    applying.join()
    assert (CONTRACT.number in applied(options)) == bool(refused)
    with older.snapshot() as tx:
        assert bool(writers.live(tx)) != bool(refused)


@pytest.mark.timeout(60)
def test_of_many_nodes_that_bring_the_same_steps_at_once_one_applies_them(options: PostgresOptions) -> None:
    slow = [*KNOWN, SchemaStep(NOW + 1, contracts=False, text=f"{EXPAND.text}; SELECT pg_sleep(0.3)")]
    trouble: list[BaseException] = []

    def start() -> None:
        try:
            postgres_schema.apply(options, WHERE, slow)
        except BaseException as error:  # noqa: BLE001 - shown below
            trouble.append(error)

    nodes = [threading.Thread(target=start) for _ in range(6)]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert trouble == []
    assert applied(options) == list(range(1, NOW + 2))


def test_a_step_that_fails_leaves_nothing_and_is_tried_again(options: PostgresOptions) -> None:
    with opened(options.url):
        pass
    broken = SchemaStep(NOW + 1, contracts=False, text=f"{EXPAND.text}; SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        postgres_schema.apply(options, WHERE, [*KNOWN, broken])
    assert "colour" not in columns(options)
    assert applied(options) == list(range(1, NOW + 1))
    postgres_schema.apply(options, WHERE, [*KNOWN, EXPAND])
    assert "colour" in columns(options)


@pytest.mark.parametrize("name", ["", "1st", "Upper", "a-b", 'x"; DROP SCHEMA public; --', "a" * 64, "ü"])
def test_a_schema_that_cannot_be_named_plainly_is_refused(postgres_url: str, name: str) -> None:
    with pytest.raises(Unavailable, match="cannot be used: it must be"):
        PostgresCatalog(PostgresOptions(postgres_url, schema=name))


@pytest.mark.parametrize("name", ["a", "_x9", "z" * 63])
def test_a_schema_of_any_plain_name_is_made(postgres_url: str, name: str) -> None:
    with opened(postgres_url, schema=name) as catalog:
        done(catalog, mark("x"))
        assert marks(catalog) == ["x"]


def test_a_step_sees_the_schema_that_it_is_about_and_no_other(options: PostgresOptions) -> None:
    with opened(options.url), opened(options.url, schema="other"):
        postgres_schema.apply(PostgresOptions(options.url, "other"), WHERE, [*KNOWN, EXPAND])
    assert "colour" not in columns(options)
    assert applied(PostgresOptions(options.url, "other"))[-1] == EXPAND.number


def test_a_transaction_under_way_when_a_step_is_applied_is_not_disturbed(
    older: PostgresCatalog, options: PostgresOptions
) -> None:
    def long(tx: object) -> str:
        mark("before")(tx)  # type: ignore[arg-type]
        thread = threading.Thread(target=postgres_schema.apply, args=(options, WHERE, [*KNOWN, EXPAND]))
        thread.start()
        time.sleep(0.3)
        mark("after")(tx)  # type: ignore[arg-type]
        threads.append(thread)
        return "done"

    threads: list[threading.Thread] = []
    assert done(older, long, ADD) == "done"
    for thread in threads:
        thread.join()
    assert marks(older) == ["after", "before"]
    assert "colour" in columns(options)

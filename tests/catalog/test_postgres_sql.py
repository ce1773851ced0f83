"""One text for both databases: how it becomes PostgreSQL's, and that every statement is understood there."""

import re
from collections.abc import Iterator
from importlib import resources

import psycopg
import pytest
from psycopg.pq import ExecStatus

from holdfast.catalog import sql
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_connections import connect
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.postgres_sql import translated

NOUNS = sorted(
    entry.name.removesuffix(".sql")
    for entry in resources.files("holdfast.catalog").joinpath("statements").iterdir()
    if entry.name.endswith(".sql")
)
OF_SQLITE_ALONE = {("file_pages", "free_and_total"): "free pages are SQLite's"}


def test_words_become_numbers_in_the_order_in_which_they_first_come() -> None:
    text, words = translated("SELECT a FROM t WHERE b = :second AND c = :first AND d = :second")
    assert text == "SELECT a FROM t WHERE b = $1 AND c = $2 AND d = $1"
    assert words == ("second", "first")


def test_many_values_become_one_array() -> None:
    text, words = translated("DELETE FROM t WHERE x IN (:each) AND y = :y OR z IN (:each)")
    assert text == "DELETE FROM t WHERE x = ANY($1) AND y = $2 OR z = ANY($1)"
    assert words == ("each", "y")


def test_casts_and_times_are_no_parameters() -> None:
    assert translated("SELECT pg_current_xact_id()::text, '10:30', a::int FROM t") == (
        "SELECT pg_current_xact_id()::text, '10:30', a::int FROM t",
        (),
    )


def test_a_join_that_keeps_sqlite_from_turning_it_round_is_a_plain_one() -> None:
    assert translated("FROM a CROSS JOIN b x ON x.n = a.n").text == "FROM a JOIN b x ON x.n = a.n"
    assert (
        translated("FROM a CROSS JOIN objects o WHERE o.n = a.n").text == "FROM a CROSS JOIN objects o WHERE o.n = a.n"
    )


def test_what_is_for_postgresql_alone_is_a_comment_to_others() -> None:
    assert translated("SELECT 1 /*postgresql: FOR SHARE */").text.split() == ["SELECT", "1", "FOR", "SHARE"]
    assert translated("SELECT :n /*postgresql: :: */ /* a remark */").text.count("remark") == 1


@pytest.fixture(scope="module")
def session(postgres_server: object) -> Iterator[psycopg.Connection]:
    name = postgres_server.new_database()  # type: ignore[attr-defined]
    options = PostgresOptions(postgres_server.url(name))  # type: ignore[attr-defined]
    PostgresCatalog(options).close()
    with connect(options) as connection:
        yield connection
    postgres_server.drop_database(name)  # type: ignore[attr-defined]


def whole(noun: str) -> dict[str, str]:
    """Every statement as it is sent: some are the tail of one that is called `select`."""
    statements = sql.load(noun)
    select = statements.get("select", "")
    return {
        name: f"{select} {text}" if re.match("WHERE|ORDER|JOIN", text) else text for name, text in statements.items()
    }


# The notes of a rebuild are a database of their own, which is SQLite's in any case.
@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun != "findings"])
def test_postgresql_understands_every_statement(session: psycopg.Connection, noun: str) -> None:
    prepared = 0
    for name, statement in whole(noun).items():
        if (noun, name) in OF_SQLITE_ALONE or name.startswith("sqlite_"):
            continue
        result = session.pgconn.prepare(b"", translated(statement).text.encode())
        if re.search(rb"could not determine data type|inconsistent types deduced", result.error_message or b""):
            # It learns the type from the value that comes with it.
            continue
        assert result.status == ExecStatus.COMMAND_OK, (name, result.error_message)
        prepared += 1
    assert prepared or noun in {noun for noun, _ in OF_SQLITE_ALONE}


@pytest.mark.parametrize("noun", NOUNS)
def test_every_parameter_is_a_word_that_both_databases_find(noun: str) -> None:
    for name, statement in whole(noun).items():
        text, words = translated(statement)
        assert not re.search(r"(?<![:\w]):[a-z]", text), name
        mentioned = re.findall(r"(?<![:\w]):([a-z]\w*)", re.sub(r"/\*postgresql:(.*?)\*/", r"\1", statement))
        assert set(words) == set(mentioned), name
        # A word that SQLite is not asked for would be one too many for it.
        outside = re.sub(r"/\*.*?\*/", "", statement, flags=re.DOTALL)
        assert set(re.findall(r"(?<![:\w]):([a-z]\w*)", outside)) == set(words), name

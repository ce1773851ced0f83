"""Rows and numbers: whatever goes in comes out as it was, and no number is ever given to two rows."""

import random
import threading
from collections.abc import Iterator

import pytest

from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.transaction import Row, Tx
from holdfast.model.errors import HoldfastError, InvalidState
from tests.catalog.postgres_rig import ADD, done, opened

TOP = 2**63 - 1
COLUMNS = ("number", "bytes", "text", "flag")


@pytest.fixture
def catalog(postgres_url: str) -> Iterator[PostgresCatalog]:
    with opened(postgres_url) as catalog:
        make = 'CREATE TABLE kinds (number BIGINT, bytes BYTEA, text TEXT COLLATE "C", flag BIGINT)'
        done(catalog, lambda tx: tx.run(make))
        yield catalog


def rows_of(count: int) -> list[Row]:
    dice = random.Random(count)
    special: list[Row] = [
        (TOP, b"", "", True),
        (-TOP, bytes(range(256)), "\n\t\\.\\N é 中 😀 ' \"", False),
        (0, None, None, None),
        (2**31, b"\\x00", "\\N", 1),
        (-1, b"\n", "{}", 0),
    ]
    return [
        special[place]
        if place < len(special)
        else (dice.randrange(-TOP, TOP), dice.randbytes(20), chr(dice.randrange(0x21, 0xD000)), place % 2)
        for place in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 5, 7, 8, 9, 63, 64, 65, 72, 73, 511, 512, 513, 3000])
def test_as_many_rows_as_went_in_come_out_as_they_were(catalog: PostgresCatalog, count: int) -> None:
    rows = rows_of(count)

    def step(tx: Tx) -> list[Row]:
        tx.insert("kinds", COLUMNS, rows)
        # Whoever asks in the same transaction sees them.
        return tx.all(f"SELECT {', '.join(COLUMNS)} FROM kinds")

    key = repr
    expected = sorted([tuple(int(v) if isinstance(v, bool) else v for v in row) for row in rows], key=key)
    assert sorted(done(catalog, step), key=key) == expected
    with catalog.snapshot() as tx:
        assert sorted(tx.all(f"SELECT {', '.join(COLUMNS)} FROM kinds"), key=key) == expected


def test_rows_count_as_changed_and_none_is_none(catalog: PostgresCatalog) -> None:
    done(catalog, lambda tx: tx.insert("kinds", COLUMNS, rows_of(100)))
    assert done(catalog, lambda tx: tx.run("UPDATE kinds SET flag = 2 WHERE number = :n", {"n": 12345})) == 0
    assert done(catalog, lambda tx: tx.run("UPDATE kinds SET flag = 2 WHERE flag = :f", {"f": True})) > 40
    assert done(catalog, lambda tx: tx.run_of("DELETE FROM kinds WHERE flag IN (:each)", [2, 0])) == 99
    assert done(catalog, lambda tx: tx.run_of("DELETE FROM kinds WHERE flag IN (:each)", [])) == 0
    assert done(catalog, lambda tx: tx.all_of("SELECT 1 FROM kinds WHERE text IN (:each)", [])) == []
    assert done(catalog, lambda tx: tx.one("SELECT text FROM kinds WHERE flag IS NULL")) == (None,)
    assert done(catalog, lambda tx: tx.one("SELECT text FROM kinds WHERE flag = 77")) is None


def test_many_values_of_every_kind_are_found(catalog: PostgresCatalog) -> None:
    rows = rows_of(200)
    done(catalog, lambda tx: tx.insert("kinds", COLUMNS, rows))
    with catalog.snapshot() as tx:
        for place, name in enumerate(("number", "bytes", "text")):
            wanted = [row[place] for row in rows if row[place] is not None]
            found = tx.all_of(f"SELECT {name} FROM kinds WHERE {name} IN (:each)", wanted)
            assert {row[0] for row in found} == set(wanted)


def test_texts_are_ordered_by_their_utf8_bytes(catalog: PostgresCatalog) -> None:
    texts = ["a", "B", "é", "z", "Z", "中", "\uff5a", "😀", "a b", "a-b", "aa", ""]
    done(catalog, lambda tx: tx.insert("kinds", ("text",), [(text,) for text in texts]))
    with catalog.snapshot() as tx:
        found = [row[0] for row in tx.all("SELECT text FROM kinds ORDER BY text")]
    assert found == sorted(texts, key=lambda text: text.encode())


@pytest.mark.parametrize("table", ["objects", "chunks"])
@pytest.mark.timeout(120)
def test_no_number_is_given_twice_whoever_asks_and_whatever_is_undone(catalog: PostgresCatalog, table: str) -> None:
    given: list[int] = []
    lock = threading.Lock()

    def ask(place: int) -> None:
        dice = random.Random(place)
        for turn in range(25):

            def step(tx: Tx, turn: int = turn) -> list[int]:
                numbers = list(tx.numbers(table, dice.choice([1, 2, 7, 100])))
                if turn % 3 == 0:
                    raise InvalidState("undone")
                return numbers

            try:
                numbers = done(catalog, step, ADD)
            except HoldfastError:
                continue
            assert numbers == sorted(numbers)
            with lock:
                given.extend(numbers)

    threads = [threading.Thread(target=ask, args=[place]) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == len(set(given)) > 1000
    assert min(given) >= 1


def test_no_numbers_are_no_numbers(catalog: PostgresCatalog) -> None:
    assert done(catalog, lambda tx: tx.numbers("chunks", 0)) == []

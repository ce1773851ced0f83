from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.catalog import file_pages
from holdfast.catalog.transaction import Tx
from holdfast.upkeep.free_pages import FreePages
from tests.upkeep.yard import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.close()


def pages(yard: Yard) -> tuple[int, int]:
    with yard.catalog.snapshot() as tx:
        return file_pages.free_and_total(tx)


def fill_and_empty(yard: Yard) -> None:
    def fill(tx: Tx, _: object) -> None:
        tx.run("CREATE TABLE filling (number INTEGER PRIMARY KEY, bytes BLOB)")
        for _ in range(3000):
            tx.run("INSERT INTO filling (bytes) VALUES (zeroblob(4000))")

    yard.commits.submit((), fill)
    yard.commits.submit((), lambda tx, _: tx.run("DELETE FROM filling"))


def test_a_file_that_is_mostly_free_gets_shorter_a_piece_at_a_time(yard: Yard) -> None:
    fill_and_empty(yard)
    free, total = pages(yard)
    assert free > 2900
    steps = 0
    while yard.collection.free_pages.step(1):
        # A page of pointers may go with them.
        assert 0 < total - pages(yard)[1] <= 402
        total = pages(yard)[1]
        steps += 1
    assert steps > 3
    assert pages(yard)[0] < 1024


def test_what_little_is_free_is_left_for_the_next_rows(yard: Yard) -> None:
    fill_and_empty(yard)
    before = pages(yard)
    assert FreePages(yard.catalog, yard, yard.catalog, free_pages_min=before[0] + 1).step(1) is None
    yard.commits.submit(
        (), lambda tx, _: [tx.run("INSERT INTO filling (bytes) VALUES (zeroblob(4000))") for _ in range(2500)]
    )
    assert pages(yard)[0] * 4 < pages(yard)[1]
    assert FreePages(yard.catalog, yard, yard.catalog, free_pages_min=1).step(1) is None


def test_a_file_that_cannot_shrink_is_asked_once(yard: Yard) -> None:
    class Rigid:
        asked = 0

        def give_back(self, number: int) -> int:
            self.asked += 1
            return 0

    fill_and_empty(yard)
    rigid = Rigid()
    stage = FreePages(yard.catalog, yard, rigid)
    assert [stage.step(1), stage.step(1)] == [None, None]
    assert rigid.asked == 1

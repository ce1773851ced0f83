from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from holdfast.catalog import sweep
from holdfast.catalog.sweep import Batch
from holdfast.catalog.transaction import Tx
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.purpose import Purpose
from holdfast.upkeep.sweeping import Sweeping
from tests.backends import Backend
from tests.upkeep.ledger import NOW, Ledger, view_of

R = TypeVar("R")


class Counting:
    """Passes writes on to the ledger and counts them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.count = 0

    def submit(
        self, _: Sequence[SealedFrame], apply: Callable[[Tx, Sequence[Location]], R], purpose: Purpose = Purpose.CHANGE
    ) -> R:
        self.count += 1
        return self.ledger.write(lambda tx: apply(tx, ()))


@pytest.fixture
def ledger(backend: Backend, tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(backend.place(tmp_path / "store").catalog())
    yield ledger
    ledger.catalog.close()


def count(ledger: Ledger, table: str) -> int:
    [(number,)] = ledger.fetch(f"SELECT count(*) FROM {table}")
    assert isinstance(number, int)
    return number


def test_without_work_nothing_is_written(ledger: Ledger) -> None:
    writes = Counting(ledger)
    sweeping = Sweeping(ledger.catalog, writes)
    assert not sweeping.step(NOW)
    running = ledger.start("home")
    ledger.put(view_of(running), "a", 1)
    ledger.upload(view_of(running), "b", 1)
    assert not sweeping.step(NOW)
    assert writes.count == 0


def test_an_aborted_job_leaves_nothing(ledger: Ledger) -> None:
    ledger.commit(ledger.start("home"))
    job = ledger.start("home")
    for name in ("a", "b"):
        ledger.put(view_of(job), name, 3)
    ledger.put(view_of(job), "a", 3)
    ledger.delete(view_of(job), "b")
    ledger.upload(view_of(job), "c", 3)
    ledger.abort(job)
    sweeping = Sweeping(ledger.catalog, Counting(ledger))
    while sweeping.step(NOW):
        pass
    assert [count(ledger, table) for table in ("objects", "object_chunks", "deletions", "dead_seqs")] == [0, 0, 0, 0]
    assert count(ledger, "manifests") == 1  # of the point that is kept


def test_no_step_removes_more_references_or_objects_than_its_batch(ledger: Ledger) -> None:
    job = ledger.start("home")
    ledger.put(view_of(job), "huge", 95)
    for number in range(30):
        ledger.put(view_of(job), f"small-{number}", 1)
    ledger.abort(job)
    sweeping = Sweeping(ledger.catalog, Counting(ledger), Batch(objects=4, references=10))
    before = count(ledger, "objects"), count(ledger, "object_chunks")
    steps = 0
    while sweeping.step(NOW):
        after = count(ledger, "objects"), count(ledger, "object_chunks")
        assert before[0] - after[0] <= 4
        assert before[1] - after[1] <= 10
        assert ledger.fetch("SELECT 1 FROM object_chunks WHERE object_no NOT IN (SELECT object_no FROM objects)") == []
        before = after
        steps += 1
    assert before == (0, 0)
    assert 17 < steps < 40


@pytest.mark.parametrize("sizes", [[3, 1], [1, 2, 1], [4, 1], [3, 0, 1], [0, 3, 3]])
def test_a_batch_that_an_object_fills_exactly_leaves_the_next_one_to_the_next(ledger: Ledger, sizes: list[int]) -> None:
    job = ledger.start("home")
    for number, references in enumerate(sizes):
        ledger.put(view_of(job), f"n{number}", references)
    ledger.abort(job)
    left = count(ledger, "object_chunks")
    assert left == sum(sizes)
    while ledger.sweep(Batch(objects=5, references=3)):
        now = count(ledger, "object_chunks")
        assert left - now <= 3
        left = now
    assert (left, count(ledger, "objects")) == (0, 0)


def test_the_mark_of_a_dead_seq_goes_last(ledger: Ledger) -> None:
    ledger.commit(ledger.start("home"))
    job = ledger.start("home")
    for name in "abcd":
        ledger.put(view_of(job), name, 1)
    uid = ledger.commit(job)
    ledger.delete_point(uid)
    while ledger.write(lambda tx: sweep.sweep_dead_seq(tx, Batch(1, 1))):
        if count(ledger, "dead_seqs") == 0:
            break
        assert count(ledger, "manifests") == 2
    assert (count(ledger, "objects"), count(ledger, "manifests"), count(ledger, "dead_seqs")) == (0, 1, 0)


def test_a_deleted_point_in_the_middle_keeps_its_manifest_and_is_visited_once(ledger: Ledger) -> None:
    uids = []
    for _ in range(3):
        job = ledger.start("home")
        ledger.put(view_of(job), "a", 2)
        uids.append(ledger.commit(job))
    ledger.delete_point(uids[1])
    writes = Counting(ledger)
    sweeping = Sweeping(ledger.catalog, writes)
    while sweeping.step(NOW):
        pass
    assert count(ledger, "objects") == 2
    assert count(ledger, "manifests") == 3
    assert ledger.fetch("SELECT state FROM recovery_points ORDER BY seq") == [("KEPT",), ("SWEPT",), ("KEPT",)]
    done = writes.count
    assert not sweeping.step(NOW)
    assert writes.count == done


def test_the_base_of_a_running_job_is_swept_only_after_it(ledger: Ledger) -> None:
    first = ledger.start("home")
    ledger.put(view_of(first), "a", 1)
    uid = ledger.commit(first)
    running = ledger.start("home")
    ledger.delete_point(uid)
    sweeping = Sweeping(ledger.catalog, Counting(ledger))
    while sweeping.step(NOW):
        pass
    assert list(ledger.listing(view_of(running))) == ["a"]
    ledger.put(view_of(running), "a", 1)
    kept = ledger.commit(running)
    while sweeping.step(NOW):
        pass
    assert count(ledger, "objects") == 1
    assert list(ledger.listing(ledger.point_view(kept))) == ["a"]


def test_the_example_of_the_design_page_is_what_happens(ledger: Ledger) -> None:
    """docs/design/versions.md, line by line; `*` is an interval that nothing has ended."""

    def rows() -> dict[str, list[str]]:
        intervals: dict[str, list[str]] = {"a": [], "b": [], "c": []}
        for name, from_seq, to_seq in ledger.fetch("SELECT name, from_seq, to_seq FROM objects ORDER BY from_seq"):
            intervals[str(name)].append(f"[{from_seq},{'*' if to_seq == 2**63 - 1 else to_seq})")
        return intervals

    def swept() -> dict[str, list[str]]:
        while ledger.sweep(Batch()):
            pass
        return rows()

    def states() -> list[tuple[object, ...]]:
        return ledger.fetch("SELECT seq, state FROM recovery_points ORDER BY seq")

    def done(puts: str, deletes: str = "") -> str:
        job = ledger.start("home")
        for name in puts:
            ledger.put(view_of(job), name, 1)
        for name in deletes:
            ledger.delete(view_of(job), name)
        return ledger.commit(job)

    done("ab")
    second = done("ac")
    assert rows() == {"a": ["[1,2)", "[2,*)"], "b": ["[1,*)"], "c": ["[2,*)"]}
    third = ledger.start("home")
    ledger.put(view_of(third), "a", 1)
    ledger.abort(third)
    fourth = done("a", deletes="c")
    assert rows() == {"a": ["[1,2)", "[2,4)", "[3,*)", "[4,*)"], "b": ["[1,*)"], "c": ["[2,4)"]}
    assert swept() == {"a": ["[1,2)", "[2,4)", "[4,*)"], "b": ["[1,*)"], "c": ["[2,4)"]}
    ledger.delete_point(second)
    assert swept() == {"a": ["[1,2)", "[4,*)"], "b": ["[1,*)"], "c": []}
    assert states() == [(1, "KEPT"), (2, "SWEPT"), (4, "KEPT")]
    ledger.delete_point(fourth)
    assert sorted(ledger.listing(view_of(ledger.start("home")))) == ["a", "b"]
    assert swept() == {"a": ["[1,*)"], "b": ["[1,*)"], "c": []}
    assert states() == [(1, "KEPT"), (2, "GONE"), (4, "GONE")]

"""Two processes of one embedded store, each with its own packs that grow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.places import open_catalog
from holdfast.catalog.port import Catalog
from holdfast.catalog.writer import Writer
from holdfast.upkeep.own_packs import OwnPacks
from tests.backends import EmbeddedPlace
from tests.upkeep.yard import Yard, noise

PACK_BYTES = 200_000


class JoinedPlace(EmbeddedPlace):
    """As a worker opens it, beside others."""

    def catalog(self) -> Catalog:
        return open_catalog(self.options(), joins=True)

    def writer(self, catalog: Catalog, now_us: int) -> Writer:
        return Writer(catalog, now_us, joins=True)


@pytest.fixture
def yards(tmp_path: Path) -> Iterator[tuple[Yard, Yard]]:
    EmbeddedPlace(tmp_path).catalog().close()
    one = Yard(JoinedPlace(tmp_path), pack_bytes_max=PACK_BYTES)
    other = Yard(JoinedPlace(tmp_path), pack_bytes_max=PACK_BYTES)
    one.vault()
    yield one, other
    one.close()
    other.close()


def own_packs(yard: Yard) -> OwnPacks:
    return OwnPacks(yard.catalog, yard.commits, yard.blobs, yard.packs, yard.writer, dead_bytes_min=1000)


def measure(worker: OwnPacks) -> int:
    """How many steps had something to do."""
    steps = 0
    while worker.step(0) is not None:
        steps += 1
    return steps


UNMEASURED = "SELECT count(*) FROM packs WHERE bytes IS NULL"


def test_packs_of_another_that_lives_are_measured_by_itself_and_then_collected(yards: tuple[Yard, Yard]) -> None:
    one, other = yards
    point = other.backup("home", {f"{n}": noise(n, 50_000) for n in range(12)})
    kept = one.backup("mail", {"a": noise(100, 50_000)})
    files = other.pack_files()
    assert len(files) > 3
    one.delete_point(point)
    one.collect_all()
    # Nobody but the writer knows that they are closed.
    assert one.number(UNMEASURED) == len(files)
    assert measure(own_packs(one)) == 0
    assert measure(own_packs(other)) > 0
    # All but those that are worth filling on.
    assert one.number(UNMEASURED) <= 2
    one.collect_all()
    assert len(one.pack_files()) <= 3
    one.check_accounts()
    assert other.read(kept) == {"a": noise(100, 50_000)}


def test_an_open_pack_that_has_come_to_be_mostly_dead_is_closed_by_its_writer(yards: tuple[Yard, Yard]) -> None:
    one, other = yards
    point = other.backup("home", {"a": noise(1, 100_000)})
    worker = own_packs(other)
    assert measure(worker) == 0, "it is worth filling"
    one.delete_point(point)
    one.collect_all()
    worker._look_at = 0.0
    assert measure(worker) == 1
    one.collect_all()
    # What is left holds records of the point and of its deletion.
    assert sum(one.pack_files().values()) < 100_000
    one.check_accounts()
    other.backup("home", {"a": noise(1, 100_000)})
    other.check_accounts()


def test_what_others_measured_because_this_one_was_taken_for_dead_stays_as_it_is(yards: tuple[Yard, Yard]) -> None:
    one, other = yards
    other.backup("home", {f"{n}": noise(n, 50_000) for n in range(5)})
    other.writer.leave()
    one.collect_all()
    measured = one.fetch("SELECT pack_no, bytes FROM packs WHERE bytes IS NOT NULL ORDER BY pack_no")
    assert len(measured) == len(other.pack_files())
    assert measure(own_packs(one)) == 0
    assert one.fetch("SELECT pack_no, bytes FROM packs WHERE bytes IS NOT NULL ORDER BY pack_no") == measured

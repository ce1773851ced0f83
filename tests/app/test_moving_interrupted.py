"""A move that ends anywhere leaves the source as it was, and the same command goes on with it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.app import moving
from holdfast.app.moving_journal import JOURNAL_NAME
from holdfast.app.moving_marks import BeingMoved, UnfinishedCopy, WasMoved, read
from holdfast.app.moving_report import Progress
from holdfast.app.places import open_catalog
from holdfast.catalog import freezes
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import Damaged, InvalidState, Unavailable
from holdfast.model.purpose import Purpose
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place, fill
from tests.records.rig import noise

PHASES = ("bytes copied", "bytes read back", "rows copied", "rows compared", "manifests opened", "packs checked")

_SPOIL = "UPDATE objects SET bytes = bytes + 1 WHERE object_no = (SELECT max(object_no) FROM objects)"


class Stopped(Exception):
    pass


@pytest.fixture
def store(tmp_path: Path) -> Place:
    store = Place.embedded(tmp_path / "store")
    fill(store, 6)
    return store


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


def stopping_at(phase: str, occasion: int = 1) -> Progress:
    """Ends the move when that is told for the so-manieth time."""
    seen = 0

    def progress(what: str, _done: int, _total: int) -> None:
        nonlocal seen
        seen += what == phase
        if seen == occasion:
            raise Stopped(phase)

    return progress


def at(phase: str, action: Callable[[], object]) -> Progress:
    """Does something else once, when that is told for the first time."""
    left = [action]

    def progress(what: str, _done: int, _total: int) -> None:
        if what == phase and left:
            left.pop()()

    return progress


def told(place: Place) -> dict[str, object]:
    with place.opened():
        return place.says()


def standing(place: Place) -> list[str]:
    with closing(open_catalog(place.options)) as catalog, catalog.snapshot() as tx:
        return freezes.standing(tx)


def change(place: Place, step: Callable[[Tx], object]) -> None:
    with closing(open_catalog(place.options)) as catalog:
        [outcome] = catalog.run([step], Purpose.BEGIN)
        assert outcome.error is None


@pytest.mark.parametrize("phase", PHASES)
def test_wherever_it_is_stopped_the_source_goes_on_and_so_does_the_move(
    store: Place, tmp_path: Path, phase: str
) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at(phase), check_frames=True)
    assert standing(store) == []
    assert isinstance(read(standing(target)), UnfinishedCopy)
    with store.opened():
        store.back_up({"since": noise(5000, 3000)}, source="since")
        before = store.says()
    report = store.move_to(target, check_frames=True)
    assert told(target) == before
    assert standing(target) == []
    # What an earlier run had copied was not copied again.
    assert phase == "bytes copied" or report.copied_bytes < report.pack_bytes / 2


def test_a_source_may_be_left_frozen_and_is_gone_on_with(store: Place, tmp_path: Path) -> None:
    before = told(store)
    target = Place.embedded(tmp_path / "target", store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows copied"), stay_frozen=True)
    assert isinstance(read(standing(store)), BeingMoved)
    with store.opened():
        assert store.says() == before
        with pytest.raises(Unavailable, match="is being moved to"):
            store.start()
    store.move_to(target)
    assert told(target) == before


def test_aborting_lets_the_source_take_changes_again(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    assert moving.abort(store.options) is None
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows compared"), stay_frozen=True)
    with pytest.raises(InvalidState, match=r"unfinished move to .*target.*--abort"):
        store.move_to(Place.embedded(tmp_path / "another", store.clock))
    with pytest.raises(InvalidState, match="must be the store that was moving"):
        moving.abort(target.options)
    assert moving.abort(store.options) == str(target.folder)
    assert standing(store) == []
    with store.opened():
        store.back_up({"a": b"a"})
    store.move_to(Place.embedded(tmp_path / "another", store.clock))
    with pytest.raises(InvalidState, match="--keep-source-writable"):
        moving.abort(store.options)
    assert moving.keep_writable(store.options) == str(tmp_path / "another")
    assert standing(store) == []


def test_of_two_moves_of_one_store_only_one_comes_to_an_end(store: Place, tmp_path: Path) -> None:
    one, other = Place.embedded(tmp_path / "one", store.clock), Place.embedded(tmp_path / "other", store.clock)

    def overtake() -> None:
        store.move_to(other)

    with pytest.raises(InvalidState, match=r"another move of this store has come before: it has been moved to .*other"):
        store.move_to(one, at("bytes read back", overtake))
    assert isinstance(read(standing(store)), WasMoved)
    assert standing(other) == []
    with pytest.raises(InvalidState, match=r"has been moved to .*other"):
        store.move_to(one)


def test_a_freeze_that_is_lifted_under_the_move_ends_it(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)

    def lift() -> None:
        change(store, lambda tx: [freezes.release(tx, reason) for reason in freezes.standing(tx)])

    for phase in ("rows copied", "manifests opened"):
        with pytest.raises(InvalidState, match="lifted the freeze"):
            store.move_to(target, at(phase, lift))
        assert isinstance(read(standing(target)), UnfinishedCopy)
        assert standing(store) == []


def test_no_service_opens_an_unfinished_copy(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    for target in (Place.embedded(tmp_path / "target", store.clock), elsewhere.place(tmp_path / "node", store.clock)):
        with pytest.raises(Stopped):
            store.move_to(target, stopping_at("rows compared"))
        with pytest.raises(Unavailable, match="cannot be opened: it is the unfinished copy of"):
            target.open()
        store.move_to(target, keep_source_writable=True)
        target.open().close()


def test_what_was_done_but_for_the_last_step_is_only_finished(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows copied"))
    mark = standing(target)
    store.move_to(target)
    # As if the process had ended between its last two transactions.
    change(target, lambda tx: freezes.place(tx, mark[0], 1))
    again = store.move_to(target)
    assert again.was_finished and again.copied_blobs == 0
    assert standing(target) == []
    assert store.move_to(target).was_finished
    assert store.move_to(target, keep_source_writable=True).source_takes_changes


@pytest.mark.parametrize("kind", ["embedded", "shared"])
def test_a_flipped_byte_in_what_was_copied_is_found_and_copied_anew(
    store: Place, elsewhere: Elsewhere, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "target"
    target = Place.embedded(folder, store.clock) if kind == "embedded" else elsewhere.place(folder, store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows copied"))
    name = max(target.names(), key=target.size)
    target.damage(name, 300)
    with pytest.raises(Damaged, match=f"1 blobs at .* are not what was copied there .{name}"):
        store.move_to(target)
    assert standing(store) == []
    assert isinstance(read(standing(target)), UnfinishedCopy)
    report = store.move_to(target, check_frames=True)
    assert report.copied_blobs == 1
    assert told(target) == told(store)


def test_a_row_that_is_another_at_the_target_is_found_and_named(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)

    def spoil() -> None:
        change(target, lambda tx: tx.run(_SPOIL))

    with pytest.raises(Damaged, match=r"table objects .* the first that differs is object_no [0-9]+;"):
        store.move_to(target, at("rows compared", spoil))
    assert standing(store) == []

    def lose() -> None:
        change(target, lambda tx: tx.run("DELETE FROM manifests"))

    with pytest.raises(Damaged, match=r"table manifests has 0 rows .* only one side has is point_no"):
        store.move_to(target, at("rows compared", lose))
    store.move_to(target)
    assert told(target) == told(store)


def test_without_its_journal_a_move_copies_everything_again(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows copied"))
    (target.folder / JOURNAL_NAME).unlink()
    report = store.move_to(target)
    assert report.copied_bytes == report.pack_bytes + sum(
        (store.folder / "blobs" / name).stat().st_size for name in store.names("parity/")
    )
    assert told(target) == told(store)


def test_what_was_collected_since_is_not_at_the_target(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    with pytest.raises(Stopped):
        store.move_to(target, stopping_at("rows copied"))
    copied = set(target.names())
    with store.opened():
        for vault in ("default", "second"):
            for arn in store.points(vault)[1:]:
                store.delete_point(arn, vault)
        store.collect()
    store.move_to(target)
    assert not copied <= set(target.names())
    # It would not be opened with a pack that its catalog does not know.
    assert told(target) == told(store)


def test_a_target_that_is_served_already_is_not_touched(store: Place, tmp_path: Path) -> None:
    target = Place.embedded(tmp_path / "target", store.clock)
    target.options = replace(target.options)
    with target.opened(), pytest.raises(Unavailable, match="is in use by process"):
        store.move_to(target)

"""A store that has lost something goes with its loss: nothing more is lost, and all that was is told."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.app.moving_blobs import BlobCopy
from holdfast.app.moving_journal import Journal
from holdfast.app.moving_places import End, open_source, open_target
from holdfast.app.moving_report import MoveReport
from holdfast.blobs.local import LocalBlobs
from holdfast.model.errors import Damaged
from tests.app.moving_rig import Place
from tests.records.rig import noise

KIB = 1024


@pytest.fixture
def store(tmp_path: Path) -> Place:
    """Two recovery points, each in a pack of its own."""
    store = Place.embedded(tmp_path / "store")
    for number in range(2):
        with store.opened():
            store.back_up({f"file{n}": noise(10 * number + n, 40 * KIB) for n in range(8)}, source=f"s{number}")
    with store.opened():
        store.collect()
    return store


def told(place: Place) -> dict[str, object]:
    with place.opened():
        return place.says()


def damages(place: Place) -> set[tuple[object, object]]:
    with place.opened():
        return {(one["RecoveryPointArn"], one.get("ObjectName")) for one in place.damages()}


def pack_of(store: Place, name: str) -> str:
    assert name in store.names()
    return str(store.folder / "blobs" / name)


@pytest.mark.parametrize("left", [0, 100 * KIB, None])
def test_a_pack_that_is_cut_off_or_lost_is_told_and_is_no_worse_there(
    store: Place, tmp_path: Path, left: int | None
) -> None:
    name = max(store.names(), key=store.size)
    path = Path(pack_of(store, name))
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    before = told(store)
    target = Place.embedded(tmp_path / "target", store.clock)
    report = store.move_to(target, check_frames=True)
    assert report.damaged_total > 0
    assert report.damaged[0].startswith(name)
    assert told(target) == before
    assert damages(target) == damages_of_copy(store, tmp_path)


def damages_of_copy(store: Place, tmp_path: Path) -> set[tuple[object, object]]:
    """What a verification of the source finds, done where it may write down what it finds."""
    from holdfast.app import moving

    moving.keep_writable(store.options)
    return damages(store)


class BadSectors(LocalBlobs):
    """A disk that does not give some ranges of some blob."""

    bad: tuple[str, int, int] = ("", 0, 0)

    def read(self, name: str, offset: int, length: int) -> bytes:
        bad, start, end = self.bad
        if name == bad and offset < end and start < offset + length:
            raise Damaged(f"cannot read {name}: the disk reports an I/O error (errno EIO)")
        return super().read(name, offset, length)


@pytest.fixture
def ends(store: Place, tmp_path: Path) -> Iterator[tuple[End, End]]:
    with ExitStack() as held:
        source = open_source(store.options, held)
        target = open_target(Place.embedded(tmp_path / "target").options, store.options, held)
        bad = BadSectors(store.folder / "blobs")
        held.callback(bad.close)
        yield replace(source, places=replace(source.places, blobs=bad, local=bad)), target


def test_where_the_disk_gives_nothing_only_that_is_lost(store: Place, ends: tuple[End, End], tmp_path: Path) -> None:
    source, target = ends
    name = max(store.names(), key=store.size)
    whole = Path(pack_of(store, name)).read_bytes()
    assert isinstance(source.blobs, BadSectors)
    source.blobs.bad = (name, 70 * KIB, 71 * KIB)
    report = MoveReport()
    journal = Journal(tmp_path, "one")
    copying = BlobCopy(source, target, journal, report, lambda *_: None)
    look = copying.copy(frozen=True)
    copying.verify(look.wanted)
    journal.close()
    copied = target.blobs.get(name)
    assert len(copied) == len(whole)
    assert [n for n in range(0, len(whole), 64 * KIB) if copied[n : n + 64 * KIB] != whole[n : n + 64 * KIB]] == [
        64 * KIB
    ]
    assert copied[64 * KIB : 128 * KIB] == bytes(64 * KIB)
    assert report.damaged == [f"{name} cannot be read in 65,536 of {len(whole):,} bytes"]


def test_a_manifest_that_is_damaged_goes_along_and_is_told(store: Place, tmp_path: Path) -> None:
    with store.opened():
        [(vault, pack, offset)] = store.rows(
            "SELECT v.uid, p.uid, c.frame_offset FROM manifests m JOIN chunks c ON c.chunk_no = m.chunk_no"
            " JOIN packs p ON p.pack_no = c.pack_no JOIN vaults v ON v.vault_no = p.vault_no"
            " JOIN recovery_points r ON r.point_no = m.point_no ORDER BY r.point_no LIMIT 1"
        )
    store.damage(f"packs/{vault.hex()}/{pack.hex()}", offset + 150)
    target = Place.embedded(tmp_path / "target", store.clock)
    report = store.move_to(target)
    assert report.damaged_total == 1
    assert "of the manifest of recovery point" in report.damaged[0]
    with target.opened():
        # The catalog came along whole, so that a verification writes the manifest anew.
        assert target.call("VerifyStore", Seconds=30)["ResealedManifests"] == 1

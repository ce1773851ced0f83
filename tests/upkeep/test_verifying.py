"""VerifyStore: what it finds is exactly what readers cannot read, whatever was done to the store."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from holdfast.catalog import damage, frames, recovery_points, relocate
from holdfast.catalog.relocate import FrameRow, Moved
from holdfast.catalog.transaction import Tx
from holdfast.chunks import verify as frame_checks
from holdfast.chunks.port import Location
from holdfast.model.arn import recovery_point_arn, source_arn
from holdfast.model.errors import InvalidInput, NotFound
from holdfast.packfile.layout import FRAME_HEADER_BYTES, PACK_HEADER_BYTES
from holdfast.records.engines import Engines
from holdfast.records.reseal import Resealer
from holdfast.upkeep import naming_damage, pack_walk, verify_stages, verifying
from tests.backends import Backend
from tests.upkeep.checked_store import CheckedStore


@pytest.fixture
def store(backend: Backend, tmp_path: Path) -> Iterator[CheckedStore]:
    made = CheckedStore(backend.place(tmp_path / "store"))
    made.vault()
    yield made
    made.close()


@pytest.fixture
def tiny_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bound so small that each is met, and every request does one piece of work."""
    monkeypatch.setattr(naming_damage, "_REFERENCES_PER_PIECE", 2)
    monkeypatch.setattr(naming_damage, "_POINTS_PER_PIECE", 2)
    monkeypatch.setattr(verify_stages, "_CHUNKS_PER_PIECE", 3)
    monkeypatch.setattr(verify_stages, "_OBJECTS_PER_LOOK", 4)
    monkeypatch.setattr(pack_walk, "_FRAMES_PER_STEP", 3)
    monkeypatch.setattr(pack_walk, "STEP_BYTES_MAX", 10_000)
    monkeypatch.setattr(verify_stages, "STEP_BYTES_MAX", 10_000)
    monkeypatch.setattr(verifying, "_NAMED_MAX", 1)
    monkeypatch.setattr(frame_checks, "RUN_BYTES_MAX", 20_000)


def three_points(store: CheckedStore) -> dict[str, list[str]]:
    """Three recovery points that share most of what they hold, and one of another source that shares some."""
    shared = store.noise(9_000)
    first = {f"f{n:02}": store.noise(8_000) for n in range(20)}
    first["twice"] = shared
    first["again"] = shared
    points = {}
    points[store.back_up(first)] = sorted(first)
    second = {f"f{n:02}": store.noise(8_000) for n in range(5)}
    large = [store.noise(5_000) for _ in range(7)] + [shared]
    points[store.back_up({**second, "large": large})] = sorted({*first, "large"})
    points[store.back_up({"f19": store.noise(3_000), "empty": b""})] = sorted({*first, "large", "empty"})
    points[store.back_up({"copy": shared, "own": store.noise(4_000)}, source="other")] = ["copy", "own"]
    return points


def test_a_sound_store_has_nothing_to_report(store: CheckedStore) -> None:
    points = three_points(store)
    found = store.verify()
    assert (found.damages, found.manifests, found.records, found.damaged) == ([], [], [], 0)
    chunks = sum(len(store.frames_of(pack)) for pack in store.all_packs())
    assert found.checked == chunks
    assert found.checked_bytes <= found.total_bytes
    assert store.unreadable(points) == []


@pytest.mark.parametrize("lost", range(5))
@pytest.mark.usefixtures("tiny_steps")
def test_of_a_lost_pack_exactly_what_needs_it_is_named(store: CheckedStore, lost: int) -> None:
    points = three_points(store)
    pack = store.all_packs()[lost]
    store.lose(pack)
    found = store.verify()
    assert found.damages == store.unreadable(points)
    assert found.damages or found.manifests
    assert all("is missing" in reason for reason in found.reasons)
    # Once more: what is known to be bad is reported until it is healed.
    assert store.verify().damages == found.damages


@pytest.mark.usefixtures("tiny_steps")
def test_the_scope_of_a_verification_is_what_its_points_need(store: CheckedStore) -> None:
    points = three_points(store)
    first, second, third, other = points
    store.lose(store.all_packs()[0])
    everything = store.unreadable(points)
    assert {uid for uid, _, _ in everything} == {first, second, third}
    for uid in points:
        found = store.verify(RecoveryPointArn=recovery_point_arn(uid))
        assert found.damages == [one for one in everything if one[0] == uid]
    assert store.verify(ResourceArn=source_arn("home")).damages == everything
    assert store.verify(ResourceArn=source_arn("other")).damages == []
    assert other not in {uid for uid, _, _ in everything}


@pytest.mark.usefixtures("tiny_steps")
def test_each_chunk_of_a_scope_is_read_once(store: CheckedStore) -> None:
    chunk = store.noise(2_000)
    uid = store.back_up(
        {"big": [store.noise(500), *[chunk] * 9, *(store.noise(500) for _ in range(7))], "same": chunk, "other": b"x"}
    )
    store.back_up({"later": store.noise(100)})
    manifest = 1
    assert store.verify(RecoveryPointArn=recovery_point_arn(uid)).checked == 1 + 8 + 1 + manifest
    assert store.verify(ResourceArn=source_arn("home")).checked == 1 + 8 + 1 + 1 + 2 * manifest


def test_what_a_point_does_not_see_is_not_read_for_it(store: CheckedStore) -> None:
    first = store.back_up({"kept": store.noise(500), "replaced": store.noise(500)})
    second = store.back_up({"replaced": store.noise(600), "new": [store.noise(70), store.noise(80)]})
    assert store.verify(RecoveryPointArn=recovery_point_arn(first)).checked == 2 + 1
    assert store.verify(RecoveryPointArn=recovery_point_arn(second)).checked == 1 + 1 + 2 + 1


def test_a_frame_that_left_its_place_meanwhile_is_looked_up_again(store: CheckedStore) -> None:
    """Between the look-up and the read the pack was compacted away, and one chunk was deleted."""
    data = {f"f{n}": store.noise(6_000) for n in range(6)}
    uid = store.back_up(data)
    pack = store.all_packs()[0]
    stale = store.frames_of(pack)
    store.packs.turn_over(pack.vault)
    keys = store.ring.open(pack.vault)
    for frame in stale[1:]:
        place = Location(frame.pack, frame.frame_offset, frame.frame_bytes)
        copy = store.store.chunks.copy(keys, frame.chunk_id, place, frame.raw_bytes)
        row = FrameRow(frame.chunk_no, frame.chunk_id, frame.raw_bytes, frame.frame_offset, frame.frame_bytes)

        def move(tx: Tx, places: Sequence[Location], row: FrameRow = row) -> None:
            [new] = places
            relocate.move(tx, pack.pack_no, [Moved(row, new.pack, new.offset, new.frame_bytes)])

        store.commits.submit([copy], move)
    store.commits.submit((), lambda tx, _: tx.run("DELETE FROM chunks WHERE chunk_no = :n", {"n": stale[0].chunk_no}))
    store.lose(pack)
    checked = store.checker.check(stale)
    assert (checked.damaged, checked.repaired) == (0, 0)
    with store.catalog.snapshot() as tx:
        assert damage.bad_page(tx, 0, 10) == []
    assert store.unreadable({uid: sorted(data)[1:]}) == []


def test_a_flip_in_a_frame_is_named_and_healed_by_the_same_data(store: CheckedStore) -> None:
    data = {f"f{n}": store.noise(6_000) for n in range(10)}
    first = store.back_up(data)
    second = store.back_up({"g": data["f3"]})
    pack = store.all_packs()[0]
    frame = store.frames_of(pack)[3]
    store.flip(pack, frame.frame_offset + 2_000)
    found = store.verify()
    assert found.damages == sorted([(first, "f3", 0), (second, "f3", 0), (second, "g", 0)])
    assert found.damaged == 1
    with store.catalog.snapshot() as tx:
        assert damage.bad_page(tx, 0, 10) == [frame.chunk_no]
    store.back_up({"f3": data["f3"]}, source="elsewhere")
    assert store.verify().damages == []
    assert store.contents(store.restore(first)) == data


def test_a_deleted_point_is_not_reported_and_a_manifest_is(store: CheckedStore) -> None:
    first = store.back_up({"a": store.noise(5_000)})
    second = store.back_up({"b": store.noise(5_000)})

    def delete(tx: Tx, _: object) -> None:
        point = recovery_points.find(tx, first)
        assert point is not None
        recovery_points.delete(tx, point)

    store.commits.submit((), delete)
    for pack in store.all_packs():
        for frame in store.frames_of(pack):
            store.flip(pack, frame.frame_offset + 50)
    found = store.verify()
    assert found.damages == sorted([(second, "a", 0), (second, "b", 0)])
    assert sorted(found.manifests) == sorted([first, second])
    with pytest.raises(NotFound, match="holdfast points"):
        store.verify(RecoveryPointArn=recovery_point_arn(first))


def test_damaged_manifests_are_written_anew_from_the_catalog(store: CheckedStore) -> None:
    resealer = Resealer(Engines(store.catalog, store.commits, store.store.chunks, store.ring))
    object.__setattr__(store.checker, "reseal", resealer)
    points = three_points(store)
    for pack, frame in store.manifest_frames():
        store.flip(pack, frame.frame_offset + FRAME_HEADER_BYTES)
    found = store.verify()
    assert (found.damages, found.manifests, found.resealed) == ([], [], len(points))
    again = store.verify(ResourceArn=source_arn("home"))
    assert (again.manifests, again.damaged, again.resealed) == ([], 0, 0)


def test_a_manifest_that_cannot_be_written_anew_is_named_again_each_time(store: CheckedStore) -> None:
    uid = store.back_up({"a": b"a" * 100})
    [(pack, frame)] = store.manifest_frames()
    store.flip(pack, frame.frame_offset + FRAME_HEADER_BYTES)
    for _ in range(2):
        assert store.verify().manifests == [uid]
    assert store.verify(RecoveryPointArn=recovery_point_arn(uid)).manifests == [uid]


def test_what_is_marked_good_again_is_a_duplicate_again(store: CheckedStore) -> None:
    data = store.noise(5_000)
    store.back_up({"a": data})
    pack = store.all_packs()[0]
    frame = store.frames_of(pack)[0]
    store.commits.submit((), lambda tx, _: frames.mark(tx, [frame], bad=True))
    assert (store.verify().repaired, store.verify().repaired) == (1, 0)
    assert store.frames_of(pack)[0].bad == 0


def test_a_damaged_pack_header_damages_nothing(store: CheckedStore) -> None:
    points = three_points(store)
    for pack in store.all_packs():
        store.flip(pack, 0, PACK_HEADER_BYTES)
    assert store.verify().damages == store.unreadable(points) == []


def test_metadata_that_is_damaged_is_named_as_such(store: CheckedStore) -> None:
    job = store.start()
    upload = store.open_upload(job, "with")
    store.complete(job, upload, MetadataBlob=b"blob" * 50)
    uid = store.commit(job)
    pack = store.all_packs()[0]
    store.flip(pack, store.frames_of(pack)[0].frame_offset + 120)
    found = store.verify(RecoveryPointArn=recovery_point_arn(uid))
    assert (found.damages, found.damaged) == ([(uid, "with", -1)], 1)
    assert store.verify().damages == [(uid, "with", -1)]


def test_what_can_be_read_again_is_no_damage_any_more(store: CheckedStore) -> None:
    points = three_points(store)
    pack = store.all_packs()[0]
    data = store.lose(pack)
    found = store.verify()
    assert found.damages
    store.change(pack, data)
    again = store.verify()
    assert (again.damages, again.repaired) == ([], found.damaged)
    assert store.unreadable(points) == []


def test_a_whole_verification_dates_the_packs_that_were_closed(store: CheckedStore) -> None:
    three_points(store)
    store.close_packs()
    store.back_up({"late": store.noise(3_000)})
    before = store.clock.now_us()
    store.verify()
    packs = store.all_packs()
    assert all(pack.verified_us > before for pack in packs if pack.size is not None)
    # In a bucket none is ever open.
    assert [pack.verified_us for pack in packs if pack.size is None] == ([] if store.catalog.parallel else [0])


def test_what_cannot_be_asked_for_is_refused_with_a_hint(store: CheckedStore) -> None:
    uid = store.back_up({"a": b"a"})
    arn = recovery_point_arn(uid)
    with pytest.raises(InvalidInput, match="name one of them"):
        store.verify(RecoveryPointArn=arn, ResourceArn=source_arn("home"))
    with pytest.raises(InvalidInput, match="whole store"):
        store.verify(RecoveryPointArn=arn, AddParity=5)
    with pytest.raises(InvalidInput, match="1 to 50"):
        store.verify(AddParity=51)
    with pytest.raises(NotFound, match="no recovery point of"):
        store.verify(ResourceArn=source_arn("nobody"))
    with pytest.raises(NotFound, match="they begin with"):
        store.verify(RecoveryPointArn="arn:aws:ec2:local:000000000000:snapshot/snap-1")
    with pytest.raises(InvalidInput, match="NextToken"):
        store.verify(NextToken="AAAA")


def test_keys_that_are_away_condemn_no_frame(store: CheckedStore) -> None:
    from holdfast.model.errors import UnusableKey

    points = three_points(store)

    class Away:
        def open(self, vault_uid: bytes) -> object:
            raise UnusableKey("the key is disabled")

    object.__setattr__(store.checker, "keys", Away())
    with pytest.raises(UnusableKey):
        store.verify()
    with store.catalog.snapshot() as tx:
        assert damage.bad_page(tx, 0, 10) == []
    assert store.unreadable(points) == []

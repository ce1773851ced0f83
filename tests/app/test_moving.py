"""An embedded store goes to PostgreSQL and a bucket and back, and nobody can tell but by where it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.chunks import reed_solomon
from holdfast.chunks.packs import pack_name
from holdfast.model.errors import InvalidState, Unavailable, UnusableKey
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import DAMAGED, Elsewhere, Place, fill
from tests.records.rig import noise

_STORED = """
    SELECT v.uid, p.uid, c.frame_offset FROM objects o JOIN object_chunks oc ON oc.object_no = o.object_no
    JOIN chunks c ON c.chunk_no = oc.chunk_no JOIN packs p ON p.pack_no = c.pack_no
    JOIN vaults v ON v.vault_no = c.vault_no WHERE o.name = '{}'
"""


@pytest.fixture
def store(tmp_path: Path) -> Place:
    return Place.embedded(tmp_path / "store")


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


def told(place: Place) -> dict[str, object]:
    with place.opened():
        return place.says()


def damages(place: Place) -> set[tuple[object, object]]:
    with place.opened():
        return {(one["RecoveryPointArn"], one.get("ObjectName")) for one in place.damages()}


def back_up_with_damage(store: Place) -> set[tuple[object, object]]:
    """One more point, of whose files one was found damaged, and another is and nobody knows: what is to be named."""
    with store.opened():
        arn = store.back_up({name: noise(seed, 4000) for seed, name in enumerate(("sound", "known", "unknown"), 1000)})
        places = {name: store.rows(_STORED.format(name))[0] for name in ("known", "unknown")}
    for name, (vault, pack, offset) in places.items():
        store.damage(pack_name(vault, pack), offset + 200)
        if name == "known":
            assert len(damages(store)) == 1
    return {(arn, "known"), (arn, "unknown")}


@pytest.mark.timeout(600)
def test_twenty_recovery_points_are_the_same_at_each_stop(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    reed_solomon.require()
    held = fill(store)
    lost = back_up_with_damage(store)
    before = told(store)
    assert len([arn for arn in before if str(arn).startswith("arn:")]) == 18
    assert str(before).count(repr(DAMAGED)) == 2

    there = elsewhere.place(tmp_path / "node", store.clock)
    report = store.move_to(there)
    assert (report.manifests, report.damaged_total) == (report.tables["manifests"].rows, 0)
    assert report.parities > 0
    with there.opened():
        assert there.says() == before
        held.read_on(there)
        held.write_on(there, 5)
        with_upload = there.says()

    back = Place.embedded(tmp_path / "back", store.clock)
    report = there.move_to(back, check_frames=True)
    # The one that was marked is not looked at; the other cannot be read on either side.
    assert report.damaged_total == 2
    with back.opened():
        assert back.says() == with_upload
        held.read_on(back)
        held.write_on(back, 4)
        arn = held.finish(back)
        contents = back.contents(arn)
        assert sorted(contents) == ["before", "open"]
        assert [data for _, data in contents["open"][2]] == [held.sent[n] for n in sorted(held.sent)]  # type: ignore[index]
    assert damages(back) == lost


@pytest.mark.timeout(600)
def test_what_came_is_a_store_like_any_other(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    fill(store, 6)
    back_up_with_damage(store)
    there = elsewhere.place(tmp_path / "node", store.clock)
    store.move_to(there)
    with there.opened():
        # The same bytes again heal what is damaged, and only that is written.
        there.back_up({"known": noise(1001, 4000), "unknown": noise(1002, 4000)}, source="again")
        assert there.damages() == []
        packs = len(there.names())
        for vault in ("default", "second"):
            for arn in there.points(vault):
                there.delete_point(arn, vault)
        there.collect()
        assert len(there.names()) < packs
        arn = there.back_up({"new": b"new"})
        assert there.points() == [arn]
    back = Place.embedded(tmp_path / "back", store.clock)
    there.move_to(back)
    with back.opened():
        assert back.points() == [arn]
        assert back.damages() == []


def test_the_old_place_is_read_and_takes_no_changes(store: Place, tmp_path: Path) -> None:
    fill(store, 6)
    before = told(store)
    copy = Place.embedded(tmp_path / "copy", store.clock)
    report = store.move_to(copy)
    assert not report.source_takes_changes
    with store.opened():
        assert store.says() == before
        with pytest.raises(Unavailable, match=f"takes no changes: it has been moved to {copy.folder}"):
            store.start("anything")
    with copy.opened():
        copy.back_up({"a": b"a"})
    with pytest.raises(InvalidState, match="has been moved to"):
        store.move_to(Place.embedded(tmp_path / "third", store.clock))


def test_both_places_take_changes_if_that_is_wanted(store: Place, tmp_path: Path) -> None:
    fill(store, 6)
    copy = Place.embedded(tmp_path / "copy", store.clock)
    assert store.move_to(copy, keep_source_writable=True).source_takes_changes
    for place in (store, copy):
        with place.opened():
            place.back_up({"a": str(place.folder).encode()})


def test_a_bucket_and_a_database_are_moved_to_others(elsewhere: Elsewhere, tmp_path: Path) -> None:
    one = elsewhere.place(tmp_path / "one")
    held = fill(one, 6)
    before = told(one)
    other = elsewhere.place(tmp_path / "other", one.clock)
    one.move_to(other, check_frames=True)
    with other.opened():
        assert other.says() == before
        held.read_on(other)
        held.finish(other)


def test_a_protected_root_key_goes_as_it_is(store: Place, tmp_path: Path) -> None:
    phrase = Unlock(passphrase=PassphraseSource(text="correct horse battery"))
    store.options = replace(store.options, unlock=phrase)
    with store.opened():
        arn = store.back_up({"a": b"a"})
    copy = Place.embedded(tmp_path / "copy", store.clock)
    locked = Place.embedded(store.folder)
    with pytest.raises(UnusableKey, match="pass phrase"):
        locked.move_to(copy)
    assert not copy.folder.exists()
    store.move_to(copy)
    assert (copy.folder / "root.key").read_bytes() == (store.folder / "root.key").read_bytes()
    copy.options = replace(copy.options, unlock=phrase)
    with copy.opened():
        assert copy.points() == [arn]


def test_numbers_are_not_given_twice(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    with store.opened():
        job = store.start()
        store.put(job, "first", b"1")
        store.call("StopBackupJob", BackupJobId=job)
        store.collect()
        given = store.rows("SELECT seq FROM sqlite_sequence WHERE name = 'objects'")[0][0]
        assert store.rows("SELECT count(*) FROM objects") == [(0,)]
    there = elsewhere.place(tmp_path / "node", store.clock)
    store.move_to(there)
    with there.opened():
        there.back_up({"second": b"2"})
        assert there.rows("SELECT object_no FROM objects")[0][0] > given


def test_the_new_place_has_the_store_s_keys_and_no_more(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    with store.opened():
        store.vault("shredded")
        store.back_up({"a": b"a"})
        store.call("RotateVaultKey", BackupVaultName="default")
    there = elsewhere.place(tmp_path / "node", store.clock)
    destroyed = False

    def destroy(what: str, _done: int, _total: int) -> None:
        nonlocal destroyed
        if what == "bytes read back" and not destroyed:
            # By now all keys have been copied; the source goes on as ever, in another process.
            destroyed = True
            system.call("DestroyVaultKeys", BackupVaultName="shredded", Confirm="shredded")

    with store.opened() as system:
        # A pack that is known to grow no more is copied before the freeze.
        store.collect()
        keys = set(store.names("keys/"))
        store.move_to(there, destroy)
    assert destroyed
    assert set(there.names("keys/")) == set(store.names("keys/")) < keys
    for name in ("root.key", "credentials"):
        path = there.folder / name
        assert path.read_bytes() == (store.folder / name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not list(there.folder.glob("moving*"))

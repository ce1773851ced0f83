"""The catalog is made anew from packs and keys, and says what it said before."""

import contextlib
import random

import pytest

from holdfast.model.errors import InvalidState, NotFound, Unavailable
from tests.records.rig import Store, noise


def shapes(store: Store) -> None:
    """A store with a bit of everything that a catalog may hold."""
    store.vault("photos", CreatorRequestId="once", BackupVaultTags={"a": "ü"})
    store.vault("empty", EncryptionKeyArn="arn:aws:kms:eu-west-1:000000000000:key/k")
    store.vault("gone")
    store.back_up({"x": b"x"}, vault="photos")
    first = store.start(Lifecycle={"DeleteAfterDays": 7})
    store.put(first, "plain", b"same")
    store.put(first, "tagged", b"t", MetadataString="m: ä")
    store.put(first, "größe/\u4e2d\u6587 \U0001f600", b"names")
    store.put(first, "empty", b"")
    store.put_chunks(first, "sparse", {0: noise(1, 5000), 7: noise(2, 9), 2**40: noise(1, 5000)}, MetadataBlob=b"blob")
    kept = store.commit(first)
    replaced = store.start()
    store.put(replaced, "plain", b"other")
    store.put(replaced, "plain", b"and other again")
    store.delete_object(replaced, "empty")
    store.put(replaced, "new", b"new")
    middle = store.commit(replaced)
    aborted = store.start()
    store.put(aborted, "plain", b"never seen")
    store.call("StopBackupJob", BackupJobId=aborted)
    again = store.start()
    store.put(again, "empty", b"")
    store.delete_object(again, "new")
    newest = store.commit(again)
    later = [store.back_up({"turn": bytes([n])}) for n in range(4)]
    store.delete_point(middle)
    store.collect()
    store.delete_point(later[-1])
    store.delete_point(later[1])
    store.back_up({"work": b"w"}, source="work")
    store.delete_point(store.back_up({"v": b"v"}, source="vanished"))
    running = store.start("running")
    store.put(running, "never committed", noise(9, 3000))
    store.call("DeleteBackupVault", BackupVaultName="gone")
    assert len({kept, middle, newest, *later}) == 7


def test_every_committed_recovery_point_is_back_as_it_was(store: Store) -> None:
    with store.opened():
        shapes(store)
        before = store.says()
    store.lose_catalog()
    report = store.rebuild()
    assert report.is_whole
    assert (report.vaults, report.missing_chunks, report.lost) == (3, 0, [])
    with store.opened():
        assert store.says() == before


def test_a_rebuilt_store_goes_on(store: Store) -> None:
    with store.opened():
        shapes(store)
    store.lose_catalog()
    store.rebuild()
    with store.opened():
        points = store.points()
        job = store.start()
        store.put(job, "plain", b"after")
        newest = store.commit(job)
        store.delete_point(points[1])
        store.collect()
        before = store.says()
        assert newest in before
    store.lose_catalog()
    assert store.rebuild().is_whole
    with store.opened():
        assert store.says() == before


def test_rebuilding_twice_gives_the_same(store: Store) -> None:
    with store.opened():
        shapes(store)
    store.lose_catalog()
    store.rebuild()
    with store.opened():
        once = store.says()
    report = store.rebuild(replace=True)
    assert report.is_whole
    with store.opened():
        assert store.says() == once
    assert store.replaced() == 1


def test_a_usable_catalog_is_not_replaced_unasked(store: Store) -> None:
    with store.opened():
        store.back_up({"a": b"a"})
    with pytest.raises(InvalidState, match="--replace"):
        store.rebuild()


def test_a_lost_catalog_is_not_replaced_by_an_empty_one(store: Store) -> None:
    with store.opened():
        store.back_up({"a": b"a"})
    store.lose_catalog()
    with pytest.raises(Unavailable, match="holdfast rebuild"):
        store.open()
    assert not (store.folder / "catalog").exists()
    assert store.rebuild().is_whole


def test_a_catalog_older_than_the_packs_is_refused(store: Store) -> None:
    with store.opened():
        store.back_up({"a": b"a"})
    put_back = store.keep_catalog()
    with store.opened():
        arn = store.back_up({"b": b"b"})
    put_back()
    with pytest.raises(Unavailable, match=r"older than the packs.*holdfast rebuild"):
        store.open()
    assert store.rebuild().is_whole
    assert store.replaced() == 1
    with store.opened():
        assert arn in store.points()


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_come_back(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    names = [f"n{number}" for number in range(12)]
    store.open()
    for _ in range(25):
        source = dice.choice(["home", "work"])
        job = store.start(source)
        for name in dice.sample(names, dice.randrange(5)):
            store.put(job, name, bytes([dice.randrange(8)]) * dice.randrange(1, 2000))
        for name in dice.sample(names, 2):
            with contextlib.suppress(NotFound):
                store.delete_object(job, name)
        if dice.random() < 0.2:
            store.call("StopBackupJob", BackupJobId=job)
        else:
            store.commit(job)
        points = store.points()
        while len(points) > 5 or (points and dice.random() < 0.2):
            store.delete_point(points.pop(dice.randrange(len(points))))
        if dice.random() < 0.2:
            store.collect()
        if dice.random() < 0.1:
            store.close()
            store.open()
    before = store.says()
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    with store.opened():
        assert store.says() == before
        store.collect()
        assert store.says() == before


def test_a_series_goes_on_counting_where_it_stopped(store: Store) -> None:
    with store.opened():
        for _ in range(3):
            store.delete_point(store.back_up({"a": b"a"}))
        counted = store.rows("SELECT resource_arn, last_seq FROM series")
        assert [last for _, last in counted] == [3]
    store.lose_catalog()
    store.rebuild()
    with store.opened():
        assert store.rows("SELECT resource_arn, last_seq FROM series") == counted

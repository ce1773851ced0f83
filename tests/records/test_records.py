"""A record in the packs never tells of what did not happen, and what happened is told before anything is freed."""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from holdfast.catalog import sweep
from holdfast.catalog.sweep import Batch
from holdfast.model.errors import NotFound, Unavailable
from holdfast.model.purpose import Purpose
from holdfast.testing.faulty_disk import FaultyDisk
from tests.backends import Backend, embedded_only
from tests.records.rig import Store


class FailingTransactions:
    """The store's own transactions, refused while `armed`: as if the power failed between packs and catalog."""

    def __init__(self, store: Store) -> None:
        assert store.system is not None
        self.inner = store.system.catalog
        self.armed = False
        store.system.commits._transactions = self

    def run(self, steps: Sequence[Callable], purpose: Purpose = Purpose.CHANGE) -> list:
        if self.armed:
            raise Unavailable("the power failed")
        return self.inner.run(steps, purpose)


class StuckRecords:
    """In the place of the recorder: as if the power failed between a transaction and its record."""

    def settle(self, vault_no: int | None = None) -> bool:
        raise Unavailable("the power failed")


def lost_and_found(store: Store) -> dict[str, object]:
    store.close()
    store.lose_catalog()
    assert store.rebuild().is_whole
    store.open()
    return store.says()


@contextmanager
def power_fails_before_records(store: Store) -> Iterator[None]:
    """Deletions within are done in the catalog and not told to the packs; nor are they later, by this process."""
    assert store.system is not None
    store.system.upkeep.close()
    nouns = [store.system.handlers[name].__self__ for name in ("DeleteRecoveryPoint", "DeleteBackupVault")]  # type: ignore[attr-defined]
    planes = [noun._plane for noun in nouns]
    for noun in nouns:
        noun._plane = replace(noun._plane, records=StuckRecords())
    yield
    for noun, plane in zip(nouns, planes, strict=True):
        noun._plane = plane


def test_a_point_whose_deletion_failed_is_kept_whatever_the_packs_hold(store: Store) -> None:
    store.open()
    arn = store.back_up({"a": b"a"})
    failing = FailingTransactions(store)
    failing.armed = True
    with pytest.raises(Unavailable):
        store.delete_point(arn)
    failing.armed = False
    before = store.says()
    assert arn in before
    assert lost_and_found(store) == before


@embedded_only("the disk is asked to fail")
def test_a_deletion_is_told_again_when_the_first_telling_failed(store: Store) -> None:
    store.disk = disk = FaultyDisk()
    store.open()
    arn = store.back_up({"a": b"a"})
    disk.fail("sync", errno.EIO, times=2)
    with pytest.raises(Unavailable):
        store.delete_point(arn)
    assert store.points() == []
    assert store.rows("SELECT kind FROM owed_records") == [("DELETION",)]
    store.delete_point(arn)
    assert store.rows("SELECT kind FROM owed_records") == []
    with pytest.raises(NotFound):
        store.delete_point(arn)
    store.close()
    store.lose_catalog()
    store.rebuild()
    with store.opened():
        assert store.points() == []


def test_nothing_that_a_deleted_point_held_goes_before_the_packs_know(store: Store) -> None:
    store.open()
    store.back_up({"a": b"first", "same": b"s"})
    middle = store.back_up({"a": b"second"})
    last = store.back_up({"a": b"third"})
    before = store.says()
    with power_fails_before_records(store):
        for arn in (last, middle):
            with pytest.raises(Unavailable):
                store.delete_point(arn)
    objects = store.rows("SELECT count(*) FROM objects")
    assert store.system is not None
    for sweeping in sweep.SWEEPS:
        while store.system.commits.submit((), lambda tx, _, one=sweeping: one(tx, Batch())) is not None:  # type: ignore[misc]
            pass
    assert store.rows("SELECT count(*) FROM objects") == objects
    assert lost_and_found(store) == before


def test_what_a_crash_left_owed_is_told_later_and_then_freed(store: Store) -> None:
    store.open()
    store.back_up({"a": b"first"})
    last = store.back_up({"a": b"second"})
    with power_fails_before_records(store), pytest.raises(Unavailable):
        store.delete_point(last)
    store.close()
    store.open()
    store.collect()
    assert store.rows("SELECT * FROM owed_records") == []
    assert store.rows("SELECT state FROM recovery_points ORDER BY seq") == [("KEPT",), ("GONE",)]
    before = store.says()
    assert lost_and_found(store) == before


def test_a_commit_that_did_not_happen_and_was_given_up_is_no_recovery_point(store: Store) -> None:
    store.open()
    store.back_up({"a": b"a"})
    job = store.start()
    store.put(job, "a", b"never committed")
    failing = FailingTransactions(store)
    _fail_at_the_last_part(store, failing, job)
    store.call("StopBackupJob", BackupJobId=job)
    before = store.says()
    assert lost_and_found(store) == before


def test_a_commit_that_expired_on_the_way_is_no_recovery_point_either(store: Store) -> None:
    store.open()
    store.back_up({"a": b"a"})
    job = store.start(CompleteWindowMinutes=1)
    store.put(job, "a", b"never committed")
    _fail_at_the_last_part(store, FailingTransactions(store), job)
    store.clock.us += 3600 * 1_000_000
    store.start()
    store.collect()
    before = store.says()
    assert lost_and_found(store) == before


def test_a_commit_made_again_counts_and_not_the_one_before(store: Store) -> None:
    store.open()
    job = store.start()
    store.put(job, "a", b"first try")
    _fail_at_the_last_part(store, FailingTransactions(store), job)
    store.put(job, "a", b"second try")
    store.put(job, "b", b"b")
    store.commit(job)
    before = store.says()
    assert lost_and_found(store) == before


def _fail_at_the_last_part(store: Store, failing: FailingTransactions, job: str) -> None:
    """The commit gets as far as a whole manifest in the packs; its transaction fails."""
    inner = failing.inner.run

    def run(steps: Sequence[Callable], purpose: Purpose = Purpose.CHANGE) -> list:
        with failing.inner.snapshot() as tx:
            committing = tx.one("SELECT 1 FROM backup_jobs WHERE uid = :uid AND state = 'COMMITTING'", {"uid": job})
        if committing and not failing.armed:
            failing.armed = True
            raise Unavailable("the power failed")
        return inner(steps, purpose)

    failing.run = run  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        store.commit(job)
    assert failing.armed
    with failing.inner.snapshot() as tx:
        assert tx.all("SELECT edition FROM backup_jobs WHERE uid = :uid", {"uid": job}) == [(1,)]


def test_a_vault_whose_name_was_taken_again_before_the_packs_knew_is_gone(store: Store) -> None:
    store.open()
    store.vault("photos")
    with power_fails_before_records(store), pytest.raises(Unavailable):
        store.call("DeleteBackupVault", BackupVaultName="photos")
    store.vault("photos")
    arn = store.back_up({"p": b"p"}, vault="photos")
    before = store.says()
    assert arn in before
    store.close()
    store.lose_catalog()
    store.rebuild()
    store.open()
    assert store.says() == before


def test_a_deleted_vault_leaves_nothing_behind_in_the_end(backend: Backend, store: Store) -> None:
    store.open()
    store.vault("photos")
    for turn in range(3):
        store.delete_point(store.back_up({"p": bytes([turn]) * 5000}, vault="photos"), "photos")
        store.close()
        store.open()
    store.call("DeleteBackupVault", BackupVaultName="photos")
    for _ in range(6):
        store.close()
        store.open()
        store.collect()
        _rebuilt_shows_only_default(backend, store)
    default = store.rows("SELECT uid FROM vaults WHERE name = 'default'")[0][0]
    assert {name.split("/")[1] for name in store.packs()} == {default.hex()}


def test_the_word_that_a_vault_is_deleted_outlives_everything_else_in_it(store: Store) -> None:
    store.open()
    store.vault("photos")
    store.delete_point(store.back_up({"p": b"p"}, vault="photos"), "photos")
    store.close()
    store.open()
    with power_fails_before_records(store), pytest.raises(Unavailable):
        store.call("DeleteBackupVault", BackupVaultName="photos")
    assert store.system is not None
    recorder = store.recorder()
    # The packs do not know yet that the vault is deleted: what they know of its points must stay.
    assert not recorder.forget_retired()
    assert recorder.settle()
    while recorder.forget_retired():
        pass
    kinds = "SELECT r.kind, r.number FROM records r JOIN vaults v ON v.vault_no = r.vault_no WHERE v.name = 'photos'"
    assert store.rows(kinds) == [("VAULT", 2)]


def _rebuilt_shows_only_default(backend: Backend, store: Store) -> None:
    """At this stage of collecting, losing the catalog would bring nothing back."""
    copy = store.without_catalog(backend.place(store.folder.parent / "copy"))
    copy.rebuild()
    with copy.opened():
        names = [vault["BackupVaultName"] for vault in copy.call("ListBackupVaults")["BackupVaultList"]]  # type: ignore[attr-defined]
    assert names == ["default"]
    copy.forget()


def test_a_damaged_record_is_written_anew(store: Store) -> None:
    store.open()
    store.delete_point(store.back_up({"a": b"a"}))
    before = store.says()
    [(pack, offset, chunk_no)] = store.rows(
        "SELECT p.uid, c.frame_offset, c.chunk_no FROM records r JOIN chunks c ON c.chunk_no = r.chunk_no"
        " JOIN packs p ON p.pack_no = c.pack_no WHERE r.kind = 'DELETION'",
    )
    [name] = [name for name in store.packs() if name.endswith(pack.hex())]
    store.place.flip(name, offset + 110, 6)
    store.write("UPDATE chunks SET bad = 1 WHERE chunk_no = :n", n=chunk_no)
    assert store.resealer().record(chunk_no)
    assert not store.resealer().record(10**9)
    assert store.rows("SELECT count(*) FROM chunks WHERE bad = 1") == [(0,)]
    store.close()
    store.lose_catalog()
    report = store.rebuild()
    # The damaged frame still lies there, and another says the same.
    assert (report.troubles_total, report.is_whole) == (1, True)
    store.open()
    assert store.says() == before

"""The scrub: every pack within the cycle, whatever the clock does, and nothing in bursts."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.model.errors import UnusableKey
from tests.backends import Backend
from tests.upkeep.checked_store import CheckedStore

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def store(backend: Backend, tmp_path: Path) -> Iterator[CheckedStore]:
    made = CheckedStore(backend.place(tmp_path / "store"))
    made.vault()
    made.back_up({f"f{n:02}": made.noise(20_000) for n in range(30)})
    made.close_packs()
    yield made
    made.close()


def read_in(store: CheckedStore, days: float, *, now_us: int, jump: int = 0, minutes: int = 30) -> list[int]:
    """The packs that the scrub read in so many days, in order; the clock is off by `jump` from the truth."""
    order: list[int] = []
    before = store.dates()
    for _ in range(int(days * 24 * 60 / minutes)):
        store.ticks.seconds += minutes * 60
        now_us += minutes * 60 * 1_000_000
        while store.scrub.step(now_us + jump):
            pass
        dates = store.dates()
        order += [number for number, date in dates.items() if date != before[number]]
        before = dates
    return order


def test_all_packs_are_read_within_the_first_cycle_and_again_within_each_later_one(store: CheckedStore) -> None:
    packs = {pack.pack_no for pack in store.all_packs()}
    now = store.clock.us
    assert set(read_in(store, 8, now_us=now)) == packs
    assert read_in(store, 14, now_us=now + 8 * DAY_US) == []
    again = read_in(store, 16, now_us=now + 22 * DAY_US)
    assert set(again) == packs
    assert len(again) == len(packs)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_clock_does_every_pack_is_read_within_a_cycle(store: CheckedStore, seed: int) -> None:
    """Jumps of years, back and forth, every few days: counted in true time, no pack waits longer than the cycle."""
    dice = random.Random(seed)
    packs = {pack.pack_no for pack in store.all_packs()}
    last_read = dict.fromkeys(packs, 0.0)
    now, day = store.clock.us, 0.0
    for _ in range(20):
        jump = dice.choice([0, 0, 1, -1]) * dice.randrange(1, 2000) * DAY_US
        length = dice.choice([1.0, 3.0, 5.0])
        steps = int(length * 4)
        for _ in range(steps):
            for number in read_in(store, 0.25, now_us=now + int(day * DAY_US), jump=jump, minutes=90):
                last_read[number] = day
            day += 0.25
            assert max(day - read for read in last_read.values()) <= 30.0, (seed, day)


def test_packs_that_all_bear_one_date_are_not_read_in_one_burst(store: CheckedStore) -> None:
    now = store.clock.us
    store.verify()
    count = len(store.all_packs())
    store.scrub.step(now)
    per_day = [len(read_in(store, 1, now_us=now + day * DAY_US)) for day in range(30)]
    assert sum(per_day[:22]) == 0
    assert sum(per_day) == count
    assert max(per_day) <= 2 < count


def test_what_is_past_its_cycle_is_read_at_once_however_much_is_new(store: CheckedStore) -> None:
    store.verify()
    overdue = [pack.pack_no for pack in store.all_packs()]
    store.back_up({f"n{n:02}": store.noise(20_000) for n in range(30)})
    store.close_packs()
    later = store.clock.us + 31 * DAY_US
    for _ in range(100):
        store.scrub.step(later)
    assert [pack.pack_no for pack in store.all_packs() if pack.verified_us == later] == overdue


def test_nothing_is_read_before_it_is_due(store: CheckedStore) -> None:
    store.verify()
    store.ticks.seconds += 10 * 24 * 3600
    assert not store.scrub.step(store.clock.us + 10 * DAY_US)
    assert store.scrub.figures.packs_due == 0


def test_the_figures_say_how_it_stands(store: CheckedStore) -> None:
    now = store.clock.us
    store.scrub.step(now)
    assert store.scrub.figures.packs_due == len(store.all_packs())
    assert store.scrub.figures.oldest_verification == 0
    store.verify()
    pack = store.all_packs()[0]
    store.flip(pack, store.frames_of(pack)[0].frame_offset + 200)
    store.ticks.seconds += 100
    store.scrub.step(now + 40 * DAY_US)
    assert store.scrub.figures.oldest_verification == pytest.approx(now / 1e6, abs=60)
    assert store.scrub.figures.packs_due > 0
    for _ in range(100):
        store.ticks.seconds += 100
        store.scrub.step(now + 40 * DAY_US)
    assert store.scrub.figures.damaged_chunks == 1


def test_a_pack_is_dated_only_when_all_of_it_was_read(store: CheckedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.upkeep import pack_walk

    monkeypatch.setattr(pack_walk, "_FRAMES_PER_STEP", 1)
    store.ticks.seconds += 10**7
    first = store.all_packs()[0]
    frames = len(store.frames_of(first))
    assert frames > 1
    store.scrub.step(store.clock.us)
    store.ticks.seconds += 10**7
    for _ in range(frames):
        assert [pack.verified_us for pack in store.all_packs()] == [0] * len(store.all_packs())
        assert store.scrub.step(store.clock.us + 5)
    store.scrub.step(store.clock.us + 5)
    assert [pack.pack_no for pack in store.all_packs() if pack.verified_us] == [first.pack_no]


def test_a_vault_without_its_keys_does_not_keep_the_others_from_being_read(store: CheckedStore) -> None:
    store.vault("second")
    job = store.start("elsewhere", "second")
    store.put(job, "x", store.noise(1000))
    store.commit(job)
    store.close_packs()
    first_vault = store.all_packs()[0].vault
    foreign = [pack.pack_no for pack in store.all_packs() if pack.vault != first_vault]
    ring = store.ring

    class Partly:
        def open(self, vault_uid: bytes) -> object:
            if vault_uid == first_vault:
                raise UnusableKey("the key of the first vault is disabled")
            return ring.open(vault_uid)

    object.__setattr__(store.checker, "keys", Partly())
    refused = 0
    for _ in range(40):
        store.ticks.seconds += 10**6 / 2
        try:
            store.scrub._deferred = dict.fromkeys(store.scrub._deferred, 1e18)
            store.scrub.step(store.clock.us)
        except UnusableKey:
            refused += 1
    assert refused == len(store.all_packs()) - len(foreign)
    assert [pack.pack_no for pack in store.all_packs() if pack.verified_us] == foreign != []

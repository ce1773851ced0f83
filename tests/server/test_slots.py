import pytest

from holdfast.model.networks import Networks
from holdfast.server.slots import ConnectionSlots, Slot, SlotOptions


class Door:
    def __init__(self, connections: int, per_address: int, reserved: int = 1, trusted: str = "") -> None:
        self.closed: list[Slot] = []
        options = SlotOptions(connections, per_address, reserved, Networks.parse(trusted))
        self.slots = ConnectionSlots(options, lambda reason, address: None)

    def enter(self, address: str, *, works: bool = False, proven: bool = False) -> Slot:
        slot = self.slots.enter(address)
        assert slot is not None
        slot.evict = lambda: self.closed.append(slot)
        if proven:
            slot.work()
            slot.is_proven = True
            slot.wait()
        if works:
            slot.work()
        return slot


def test_an_address_that_uses_up_its_share_closes_the_longest_waiting_of_its_own():
    door = Door(10, 3)
    other = door.enter("192.0.2.9")
    first, second, third = (door.enter("192.0.2.1") for _ in range(3))
    first.work()
    first.wait()
    fourth = door.enter("192.0.2.1")
    assert door.closed == [second]
    assert fourth.refusal is None
    assert not (other.has_left or third.has_left or first.has_left)
    assert len(door.slots) == 4


def test_a_connection_that_was_signed_for_gives_way_last():
    door = Door(3, 3)
    known = door.enter("192.0.2.1", proven=True)
    strangers = [door.enter("192.0.2.2"), door.enter("192.0.2.3")]
    door.enter("192.0.2.4")
    assert door.closed == strangers[:1]
    for _ in range(20):
        door.enter("192.0.2.5")
    assert known not in door.closed


def test_where_all_are_at_work_a_new_one_gets_a_place_in_the_reserve():
    door = Door(2, 2)
    at_work = [door.enter("192.0.2.1", works=True) for _ in range(2)]
    refused = door.enter("192.0.2.1")
    assert refused.refusal is not None and "all 2 connections that 192.0.2.1 may have" in refused.refusal
    everybody = door.enter("192.0.2.2")
    assert everybody.refusal is not None and "all 2 connections are at work" in everybody.refusal
    assert door.closed == [refused]
    everybody.work()
    assert door.slots.enter("192.0.2.3") is None
    at_work[0].leave()
    assert door.enter("192.0.2.3").refusal is None


def test_trusted_proxies_may_have_all():
    door = Door(5, 2, trusted="10.0.0.0/8")
    assert all(door.enter("10.1.1.1", works=True).refusal is None for _ in range(5))


def test_the_addresses_of_one_ipv6_site_share():
    door = Door(10, 2)
    kept = [door.enter(f"2001:db8::{each}") for each in range(3)]
    assert door.closed == kept[:1]
    assert door.enter("2001:db8:0:1::1").refusal is None
    assert door.closed == kept[:1]


@pytest.mark.parametrize("works", [True, False])
def test_nothing_is_kept_of_those_who_left(works: bool):
    door = Door(4, 2)
    for _ in range(3):
        slots = [door.enter(f"192.0.2.{each}", works=works) for each in range(4)]
        for slot in slots:
            slot.leave()
            slot.leave()
            slot.wait()
    assert len(door.slots) == 0
    assert not door.slots._sites
    assert door.slots._waiting.first() is None


def test_whatever_happens_the_counts_are_those_of_the_connections():
    door, alive = Door(6, 3, 2), []
    for step in range(2000):
        slot = door.slots.enter(f"192.0.2.{step * 7 % 5}")
        if slot is not None:
            slot.evict = lambda: None
            alive.append(slot)
        for each in alive[step % 3 :: 3]:
            (each.work, each.wait, each.leave)[step * 5 % 3]()
        alive = [each for each in alive if not each.has_left]
        assert len(door.slots) == len(alive) <= 8
        assert door.slots._reserved_count == sum(each.refusal is not None for each in alive)

import asyncio

import pytest

from holdfast.model.errors import Unavailable
from holdfast.server.budget import ByteBudget, Pressure, Room, Transfer, slowest


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_room_is_given_in_the_order_asked_for_even_if_a_later_one_would_fit():
    async def scenario() -> list[str]:
        budget, order = ByteBudget(100), []

        async def take(name: str, size: int) -> None:
            await budget.take(size)
            order.append(name)

        await budget.take(60)
        waiting = [asyncio.create_task(take(*each)) for each in (("large", 80), ("small", 10), ("other", 10))]
        await settle()
        assert order == []
        budget.give(60)
        await asyncio.gather(*waiting)
        assert budget.bytes_taken == 100
        return order

    assert asyncio.run(scenario()) == ["large", "small", "other"]


def test_never_more_is_taken_than_there_is():
    async def scenario() -> int:
        budget, peak = ByteBudget(50), 0

        async def work(size: int) -> None:
            nonlocal peak
            await budget.take(size)
            peak = max(peak, budget.bytes_taken)
            await asyncio.sleep(0)
            budget.give(size)

        await asyncio.gather(*(work(1 + i * 7 % 50) for i in range(300)))
        assert budget.bytes_taken == 0
        return peak

    assert 40 < asyncio.run(scenario()) <= 50


def test_whoever_gives_up_waiting_lets_the_next_one_in():
    async def scenario() -> None:
        budget = ByteBudget(10)
        await budget.take(6)
        large = asyncio.create_task(budget.take(10))
        small = asyncio.create_task(budget.take(4))
        await settle()
        large.cancel()
        await asyncio.wait_for(small, 1)
        assert budget.bytes_taken == 10

    asyncio.run(scenario())


def test_giving_up_at_the_moment_of_the_turn_loses_nothing():
    async def scenario() -> None:
        budget = ByteBudget(10)
        await budget.take(10)
        waiting = asyncio.create_task(budget.take(10))
        await settle()
        budget.give(10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert budget.bytes_taken == 0

    asyncio.run(scenario())


def test_a_room_that_does_not_become_free_in_time_is_unavailable():
    async def scenario() -> None:
        budget = ByteBudget(10)
        first, second = Room(budget, 0.05), Room(budget, 0.05)
        await first.enter(8)
        with pytest.raises(Unavailable, match="no room for 5 bytes"):
            await second.enter(5)
        second.leave()
        first.shrink(3)
        await second.enter(7)
        assert (budget.bytes_taken, budget.holders) == (10, 2)
        first.leave()
        first.leave()
        second.leave()
        assert (budget.bytes_taken, budget.holders) == (0, 0)

    asyncio.run(scenario())


def test_an_address_that_holds_much_keeps_no_other_one_waiting():
    async def scenario() -> list[str]:
        budget, order = ByteBudget(100), []

        async def take(owner: str, size: int) -> None:
            await budget.take(size, owner)
            order.append(owner)

        for _ in range(5):
            await budget.take(20, "greedy")
        waiting = [asyncio.create_task(take("greedy", 20)) for _ in range(3)]
        await settle()
        waiting += [asyncio.create_task(take("modest", 20)), asyncio.create_task(take("other", 20))]
        await settle()
        for _ in range(5):
            budget.give(20, "greedy")
            await settle()
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(scenario()) == ["modest", "other", "greedy", "greedy", "greedy"]


def test_the_slowest_of_those_that_are_too_slow_is_cut_off():
    pressure = Pressure(grace_seconds=10, rate_min=1000)
    young, quick, slow, slower = (
        Transfer(began, lambda moved=moved: moved, lambda: None)
        for began, moved in ((95, 0), (0, 200_000), (0, 90_000), (50, 40_000))
    )
    assert slowest([young, quick, slow, slower], 100, pressure) is slower
    assert slowest([young, quick, slow], 100, pressure) is slow
    assert slowest([young, quick], 100, pressure) is None
    assert slowest([], 100, pressure) is None


def test_a_slow_transfer_is_cut_off_only_where_others_wait():
    async def scenario() -> list[str]:
        budget, cut = ByteBudget(10, Pressure(0.01, 0, 1)), []
        first, second = Room(budget, 5), Room(budget, 5)
        await first.enter(8)

        def end() -> None:
            cut.append("first")
            first.leave()

        first.moving(lambda: 0, end)
        await asyncio.sleep(0.05)
        assert cut == []
        await second.enter(8)
        return cut

    assert asyncio.run(scenario()) == ["first"]

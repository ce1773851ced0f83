import random

from holdfast.upkeep.number_set import NumberSet


def test_a_number_is_new_once() -> None:
    dice = random.Random(3)
    numbers = NumberSet()
    known: set[int] = set()
    for _ in range(5000):
        number = dice.choice([dice.randrange(300), dice.randrange(10**9)])
        assert numbers.add(number) is (number not in known)
        known.add(number)


def test_one_that_is_full_forgets_and_never_claims_what_it_was_not_told() -> None:
    numbers = NumberSet(pages_max=2)
    far = [0, 10**6, 2 * 10**6]
    assert [numbers.add(number) for number in far] == [True, True, True]
    assert numbers.add(2 * 10**6) is False
    assert numbers.add(0) is True
    assert numbers.add(1) is True

"""What a move may do next, by what stands at both ends; nothing is opened for it."""

import pytest

from holdfast.app.moving_marks import (
    BeingMoved,
    Mark,
    Standing,
    Step,
    UnfinishedCopy,
    WasMoved,
    next_step,
    read,
    require_finished,
    require_no_other,
)
from holdfast.model.errors import InvalidState, Unavailable

ROOT = "00112233aabbccdd"
ONE, OTHER = "0123456789abcdef", "fedcba9876543210"
PLACE = "postgresql://db/holdfast, schema holdfast and s3://bucket (move 0000000000000000); run"
COPY = UnfinishedCopy("/srv/a", ONE, ROOT)


def step(source: Mark | None, target: Mark | None, *, untouched: bool = False, place: str = PLACE) -> Step:
    return next_step(Standing(source, target, untouched, place, ROOT))


@pytest.mark.parametrize("mark", [BeingMoved(PLACE, ONE), WasMoved(PLACE, ONE), UnfinishedCopy(PLACE, ONE, ROOT)])
def test_what_is_written_is_read_again_whatever_the_place_is_called(mark: Mark) -> None:
    assert read(["something else", mark.text]) == mark


def test_other_reasons_of_a_freeze_are_no_marks() -> None:
    assert read([]) is None
    assert read(["an administrator wants it so"]) is None


def test_a_store_that_was_moved_is_that_whatever_else_stands_there() -> None:
    marks = [BeingMoved(PLACE, ONE).text, WasMoved(PLACE, ONE).text]
    assert read(marks) == read(marks[::-1]) == WasMoved(PLACE, ONE)


def test_only_an_unfinished_copy_is_not_opened() -> None:
    require_finished([BeingMoved(PLACE, ONE).text, "another reason"])
    with pytest.raises(Unavailable, match=r"unfinished copy of /srv/a .*'holdfast migrate' again"):
        require_finished(["another reason", COPY.text])


def test_a_store_is_frozen_for_one_move_at_a_time() -> None:
    require_no_other([], ONE)
    require_no_other([BeingMoved(PLACE, ONE).text, "another reason"], ONE)
    for mark in (BeingMoved("/srv/b", OTHER), WasMoved("/srv/b", OTHER)):
        with pytest.raises(InvalidState, match=r"another move of this store has come before: .* moved to /srv/b"):
            require_no_other([BeingMoved(PLACE, ONE).text, mark.text], ONE)


@pytest.mark.parametrize(
    ("source", "target", "untouched", "expected"),
    [
        (None, None, True, Step.BEGIN),
        (None, COPY, False, Step.GO_ON),
        (BeingMoved(PLACE, ONE), COPY, False, Step.GO_ON),
        (WasMoved(PLACE, ONE), COPY, False, Step.LIFT),
        (WasMoved(PLACE, ONE), None, False, Step.NOTHING),
    ],
)
def test_a_move_goes_on_from_where_it_stands(
    source: Mark | None, target: Mark | None, untouched: bool, expected: Step
) -> None:
    assert step(source, target, untouched=untouched) is expected


@pytest.mark.parametrize(
    ("source", "target", "untouched", "told"),
    [
        (None, None, False, "is not empty"),
        (COPY, None, True, "is not whole"),
        (None, WasMoved("/srv/b", ONE), False, "a store of its own"),
        (None, BeingMoved("/srv/b", ONE), False, "a store of its own"),
        (None, UnfinishedCopy("/srv/b", ONE, "ff" * 8), False, "another store, /srv/b"),
        (BeingMoved("/srv/b", ONE), None, True, "unfinished move to /srv/b"),
        (BeingMoved("/srv/b", ONE), UnfinishedCopy("/srv/a", OTHER, ROOT), False, "unfinished move to /srv/b"),
        (WasMoved("/srv/b", ONE), None, True, "has been moved to /srv/b already"),
        (WasMoved("/srv/b", ONE), None, False, "has been moved to /srv/b already"),
        (WasMoved("/srv/b", ONE), UnfinishedCopy("/srv/a", OTHER, ROOT), False, "has been moved to /srv/b already"),
    ],
)
def test_whatever_else_stands_there_is_refused(
    source: Mark | None, target: Mark | None, untouched: bool, told: str
) -> None:
    with pytest.raises(InvalidState, match=told):
        step(source, target, untouched=untouched)

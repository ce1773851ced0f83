"""What stands in two catalogs while a store moves from one to the other, and what may be done by it.

The marks are freezes (catalog.freezes), so that every transaction on either side sees them: the source's says that it
is being moved, and afterwards that it was; the target's says that it is an unfinished copy, which no service opens.
What is always true here: at no moment do both places take changes, unless whoever moved the store asked for it; and a
move is told from every other by a random name in both marks, so that it is only ever finished with itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from holdfast.model.errors import InvalidState, Unavailable

_MOVE = r"\(move (?P<move>[0-9a-f]{16})"
_BEING_MOVED = re.compile(rf"it is being moved to (?P<place>.*) {_MOVE}\); what is there can be read", re.DOTALL)
_WAS_MOVED = re.compile(rf"it has been moved to (?P<place>.*) {_MOVE}\); what was there can be read", re.DOTALL)
_COPY = re.compile(
    rf"it is the unfinished copy of (?P<place>.*) {_MOVE}, root key (?P<root_id>[0-9a-f]{{16}})\); run", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class BeingMoved:
    """On the source, from the moment that no changes are taken until the target takes them."""

    place: str
    move: str

    @property
    def text(self) -> str:
        """The reason of the freeze."""
        return f"it is being moved to {self.place} (move {self.move}); what is there can be read"


@dataclass(frozen=True, slots=True)
class WasMoved:
    """On the source, for ever after."""

    place: str
    move: str

    @property
    def text(self) -> str:
        """The reason of the freeze."""
        return f"it has been moved to {self.place} (move {self.move}); what was there can be read"


@dataclass(frozen=True, slots=True)
class UnfinishedCopy:
    """On the target, from before anything else is there until all of it is."""

    place: str
    move: str
    root_id: str
    """In hex: which root key the store has, and so which store it is."""

    @property
    def text(self) -> str:
        """The reason of the freeze."""
        return (
            f"it is the unfinished copy of {self.place} (move {self.move}, root key {self.root_id}); run"
            " 'holdfast migrate' again to finish it"
        )


Mark = BeingMoved | WasMoved | UnfinishedCopy


def read(reasons: Sequence[str]) -> Mark | None:
    """The mark among the reasons why a store is frozen. A source that was moved counts as that."""
    found: Mark | None = None
    for reason in reasons:
        if match := _COPY.match(reason):
            return UnfinishedCopy(match["place"], match["move"], match["root_id"])
        if match := _WAS_MOVED.match(reason):
            found = WasMoved(match["place"], match["move"])
        elif (match := _BEING_MOVED.match(reason)) and found is None:
            found = BeingMoved(match["place"], match["move"])
    return found


def require_finished(reasons: Sequence[str]) -> None:
    """Raises Unavailable for a store that is an unfinished copy: for whoever is about to open it."""
    mark = read(reasons)
    if isinstance(mark, UnfinishedCopy):
        raise Unavailable(f"this store cannot be opened: {mark.text}")


def require_no_other(reasons: Sequence[str], move: str) -> None:
    """Raises InvalidState where a store that is about to be frozen is moving, or has moved, to another place."""
    for reason in reasons:
        mark = read([reason])
        if mark is not None and mark.move != move:
            raise InvalidState(f"another move of this store has come before: {mark.text}")


class Step(Enum):
    """What a move has to do next."""

    BEGIN = "begin"
    GO_ON = "go on"
    LIFT = "lift"
    """All is there and proven: only the target's mark is left to remove."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found at both ends."""

    source: Mark | None
    target: Mark | None
    target_is_untouched: bool
    target_place: str
    root_id: str


def next_step(found: Standing) -> Step:
    """Raises InvalidState, saying why and what to do, where this source cannot be moved to this target."""
    source, target = found.source, found.target
    if isinstance(source, UnfinishedCopy):
        raise InvalidState(f"the store to move is not whole: {source.text}")
    if isinstance(target, BeingMoved | WasMoved):
        raise InvalidState(
            f"the target holds a store of its own ({target.text}): choose an empty database schema, bucket prefix and"
            " directory"
        )
    if isinstance(target, UnfinishedCopy) and target.root_id != found.root_id:
        raise InvalidState(
            f"the target holds the unfinished copy of another store, {target.place} (root key {target.root_id}, this"
            f" one's is {found.root_id}): finish that move, or empty the target"
        )
    move = target.move if target is not None else None
    if isinstance(source, WasMoved):
        return _after(source, move, found)
    if isinstance(source, BeingMoved) and source.move != move:
        raise InvalidState(
            f"the store is frozen for an unfinished move to {source.place}: finish that one by naming the same target,"
            " or give it up with 'holdfast migrate --abort' and the same --from"
        )
    if target is not None:
        return Step.GO_ON
    if found.target_is_untouched:
        return Step.BEGIN
    raise InvalidState(
        f"{found.target_place} is not empty, and no unfinished move: choose an empty database schema, bucket prefix and"
        " directory"
    )


def _after(source: WasMoved, move: str | None, found: Standing) -> Step:
    if source.move == move:
        return Step.LIFT
    if move is None and not found.target_is_untouched and source.place == found.target_place:
        return Step.NOTHING
    raise InvalidState(
        f"the store has been moved to {source.place} already: name that place with --from to move it on; or, if this"
        " one is to take changes again, say --keep-source-writable without --to"
    )

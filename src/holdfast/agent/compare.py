"""What a backup has to do: the tree as it is now against the job view, both streams in the order of names.

The job view is the base plus whatever an interrupted run of the same job completed, so a resumed job needs no state of
its own: what is there already compares equal. Nothing is ever deleted because it could not be looked at.
"""

from collections.abc import Iterator
from enum import Enum

from holdfast.agent.attributes import describe
from holdfast.agent.scan import Entry, Event, Ignored, Unseen
from holdfast.model.errors import Internal

Known = tuple[str, str | None]
"""An object of the job view: its name and metadata string."""


class Verdict(Enum):
    """What is to be done with one name."""

    SAME = "same"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"
    UNSEEN = "unseen"
    UNSEEN_KEPT = "unseen, the older version stays"
    IGNORE = "ignore"


Difference = tuple[Verdict, Entry | Unseen | Ignored | str]
"""A verdict and what it is about: the scanned event, or for DELETE the name."""

_END = "\U0010ffff\U0010ffff"


def compare(tree: Iterator[Event], view: Iterator[Known]) -> Iterator[Difference]:
    """The differences in the order of names. Raises Internal, rather than delete wrongly, on a view out of order."""
    view = _in_order(view)
    known, metadata = next(view, (_END, None))
    for event in tree:
        name = event.name
        while known < name:
            yield Verdict.DELETE, known
            known, metadata = next(view, (_END, None))
        if type(event) is Entry:
            if known != name:
                yield Verdict.ADD, event
                continue
            yield (Verdict.SAME if describe(event.status, event.kind) == metadata else Verdict.CHANGE), event
            known, metadata = next(view, (_END, None))
        elif type(event) is Unseen:
            kept = False
            while known.startswith(name) if event.subtree else known == name:
                kept = True
                known, metadata = next(view, (_END, None))
            yield (Verdict.UNSEEN_KEPT if kept else Verdict.UNSEEN), event
        else:
            yield Verdict.IGNORE, event
    while known is not _END:
        yield Verdict.DELETE, known
        known, metadata = next(view, (_END, None))


def _in_order(view: Iterator[Known]) -> Iterator[Known]:
    last = ""
    for one in view:
        if one[0] <= last:
            raise Internal(f"the service lists {one[0]!r} after {last!r}: names must come in ascending order")
        last = one[0]
        yield one

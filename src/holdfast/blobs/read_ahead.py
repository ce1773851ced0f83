"""How much to fetch beyond what is asked for: more and more, as long as a blob is read from front to back.

Several threads that restore one file read its frames a little out of order, so that a read counts as the next one also
when it begins somewhat before or behind the place where the furthest one ended.
"""

from collections import OrderedDict
from dataclasses import dataclass

_NAMES_MAX = 256


@dataclass(slots=True)
class _Front:
    end: int
    window: int


class ReadAhead:
    """Knows where blobs are being read. In blocks; one thread at a time."""

    def __init__(self, blocks_first: int, blocks_max: int) -> None:
        """The window opens at `blocks_first`, doubles with each fetch that goes on, and ends at `blocks_max`."""
        self._first = min(blocks_first, blocks_max)
        self._max = blocks_max
        self._fronts: OrderedDict[str, _Front] = OrderedDict()

    def after(self, name: str, first: int, last: int, *, fetching: bool) -> int:
        """How many blocks to fetch behind `last`, now that blocks `first` to `last` of a blob are read."""
        front = self._fronts.get(name)
        if front is None:
            self._fronts[name] = _Front(last + 1, 0)
            if len(self._fronts) > _NAMES_MAX:
                self._fronts.popitem(last=False)
            return 0
        self._fronts.move_to_end(name)
        slack = max(self._first, front.window)
        if not front.end - slack <= first <= front.end + slack:
            front.end, front.window = last + 1, 0
            return 0
        front.end = max(front.end, last + 1)
        if fetching:
            front.window = min(max(self._first, 2 * front.window), self._max)
        return front.window

    def forget(self, name: str) -> None:
        """The blob is gone."""
        self._fronts.pop(name, None)

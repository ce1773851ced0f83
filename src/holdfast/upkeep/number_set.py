"""A set of small numbers in few bytes: which chunks a verification has read already."""

_PAGE_NUMBERS = 8 * 4096
_PAGES_MAX = 4096


class NumberSet:
    """Numbers from 0 on; memory is a bit for each number near one that was added, and at most 16 MiB.

    When that is full it begins anew. Who asks it may then do something twice, and never too seldom.
    """

    def __init__(self, pages_max: int = _PAGES_MAX) -> None:
        self._pages: dict[int, bytearray] = {}
        self._pages_max = pages_max

    def add(self, number: int) -> bool:
        """Whether `number` was not in the set, as far as it remembers."""
        page, place = divmod(number, _PAGE_NUMBERS)
        bits = self._pages.get(page)
        if bits is None:
            if len(self._pages) >= self._pages_max:
                self._pages.clear()
            bits = self._pages[page] = bytearray(_PAGE_NUMBERS // 8)
        byte, bit = divmod(place, 8)
        if bits[byte] >> bit & 1:
            return False
        bits[byte] |= 1 << bit
        return True

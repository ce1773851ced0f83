"""The only module that may ask the time. Everyone else is handed a `Clock`.

No safety argument of the store rests on a clock: times are shown to people, sign requests and end leases, nothing more.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day in whole microseconds since 1970 (UTC), the unit of every time in the catalog."""

    def now_us(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

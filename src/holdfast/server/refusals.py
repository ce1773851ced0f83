"""What was refused at the door, counted, and told in the log without letting strangers fill it.

The first refusal of a reason is a line of its own, at once. Those that follow are counted, and one line tells their
numbers at the end of each interval in which there were any.
"""

import asyncio
from collections import Counter

from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics

INTERVAL_SECONDS = 10.0
_ADDRESSES_MAX = 1000
_SHOWN_MAX = 3


class Refusals:
    """Belongs to one event loop."""

    def __init__(self, metrics: Metrics, log: Logger, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._metrics = metrics
        self._log = log.bind(part="connection")
        self._interval_seconds = interval_seconds
        self._told: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, reason: str, address: str, message: str | None = None) -> None:
        """One connection or request was refused. `reason` is a fixed word, `message` what the peer was answered."""
        self._metrics.refused_connection(reason)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_seconds, self._tell)
        if reason not in self._told:
            self._told.add(reason)
            self._log.info("refused", reason=reason, client=address, message=message)
            return
        self._reasons[reason] += 1
        if address in self._addresses or len(self._addresses) < _ADDRESSES_MAX:
            self._addresses[address] += 1

    def close(self) -> None:
        """Tells what has not been told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()
            if self._timer is not None:
                self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        if not self._reasons:
            self._told.clear()
            return
        self._log.warning(
            "more were refused",
            count=self._reasons.total(),
            seconds=self._interval_seconds,
            reasons=dict(self._reasons.most_common()),
            busiest=dict(self._addresses.most_common(_SHOWN_MAX)),
        )
        self._reasons.clear()
        self._addresses.clear()
        # As long as they keep coming, they are only counted.
        self._timer = asyncio.get_running_loop().call_later(self._interval_seconds, self._tell)

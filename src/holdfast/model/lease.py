"""Leases of jobs: a job lives as long as somebody touches it within its window.

A lease only decides when an abandoned job frees what it held. No safety argument rests on it: whoever acts on a job
after its lease has ended finds in the same transaction whether the job still runs.
"""

_TOUCH_US_MAX = 30_000_000
_TOUCHES_PER_LEASE = 20


def is_over(touched_us: int, lease_us: int, now_us: int) -> bool:
    """Whether a lease of `lease_us` microseconds, last touched at `touched_us`, has ended at `now_us`."""
    return touched_us + lease_us < now_us


def touch_due(touched_us: int, lease_us: int, now_us: int) -> bool:
    """Whether a use at `now_us` should be written down.

    Twenty times in a lease, or every 30 seconds if that is more often: a job in use writes next to nothing, and never
    comes near the end of its lease. A touch that lies as far ahead was written by a clock that has been put back.
    """
    return abs(now_us - touched_us) >= min(_TOUCH_US_MAX, lease_us // _TOUCHES_PER_LEASE)

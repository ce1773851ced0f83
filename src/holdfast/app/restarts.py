"""When a worker that has died is started again, and when there is no point in it: decisions, without doing anything.

A worker that had served for a while is started at once. One that dies soon after its start is given longer and longer
pauses, since whatever killed it is likely still there. While a service is being started nobody depends on it yet, so
that it gives up after a few; later it goes on trying, as long as others serve.
"""

from dataclasses import dataclass

SETTLED_SECONDS = 10.0
"""Who lived so long did not die of its start."""
_PAUSE_SECONDS_FIRST, _PAUSE_SECONDS_MAX = 0.5, 15.0
_DEATHS_MAX = 5


@dataclass(frozen=True, slots=True)
class Restarts:
    """The deaths of one worker that came one soon after the other."""

    deaths: int = 0

    def after(self, lived_seconds: float) -> "Restarts":
        """With one more death, of a process that lived so long."""
        return Restarts(1 if lived_seconds >= SETTLED_SECONDS else self.deaths + 1)

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next start."""
        if self.deaths <= 1:
            return 0.0
        return min(_PAUSE_SECONDS_FIRST * 2.0 ** (self.deaths - 2), _PAUSE_SECONDS_MAX)

    def is_hopeless(self, *, announced: bool, others_serve: bool, says_why: bool) -> bool:
        """Whether the service is to end instead: it was not `announced` as ready, or nobody else serves.

        A process that `says_why` it cannot start will say so again.
        """
        if announced and others_serve:
            return False
        return self.deaths >= _DEATHS_MAX or (says_why and not announced)

"""Asks again until the service answers; and a hand that does so, and writes each attempt down by itself.

What is always true: an answer that says the request is at fault is passed on at once; trouble of the service's side is
waited for, with growing pauses, until patience is at an end, which is a finding. A defect (ServiceInternal) is never
waited for: whatever befalls a database or a bucket is trouble, and must be answered as such.

An attempt that was not answered may still be under way, in a node that is paused, and be done after everything that
came later. Nothing in the interface could prevent that, as with any store of objects. So a name whose change was in
doubt once is unsettled for the rest of its job: whoever keeps the ledger's books must leave it as it is.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from holdfast.client.api import Api
from holdfast.model.errors import CallerError, Damaged, HoldfastError, Internal, NotFound
from torture.content import Content
from torture.hand import Hand
from torture.journal import LedgerJournal
from torture.lines import Deed, Delete, SeenPoint, Set

_PAUSE_SECONDS_MIN, _PAUSE_SECONDS_MAX = 0.05, 2.0
_TWICE_SHARE = 0.25
_TWICE_APART_SECONDS_MAX = 0.3
T = TypeVar("T")


class Patience:
    """Asks again, and counts. Shared by threads."""

    def __init__(self, seconds: float) -> None:
        self.troubles: Counter[str] = Counter()
        """Attempts that were in vain, by the kind of their trouble."""
        self.longest_seconds = 0.0
        """The longest that anything took to get through."""
        self._seconds = seconds
        self._lock = threading.Lock()

    def until_answered(self, ask: Callable[[], T], met: Callable[[], None] = lambda: None) -> T:
        """The answer to `ask`, asked as often as it takes; `met` is called at each trouble.

        Raises CallerError and Internal at once, and the last trouble when patience is at an end.
        """
        began = time.monotonic()
        pause = _PAUSE_SECONDS_MIN
        while True:
            try:
                answer = ask()
            except (CallerError, Damaged, Internal):
                raise
            except HoldfastError as trouble:
                met()
                self.count(type(trouble).__name__)
                if time.monotonic() - began > self._seconds:
                    raise
            else:
                with self._lock:
                    self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
                return answer
            time.sleep(pause * (0.5 + random.random() / 2))
            pause = min(pause * 2, _PAUSE_SECONDS_MAX)

    def count(self, kind: str) -> None:
        """One more attempt that was in vain."""
        with self._lock:
            self.troubles[kind] += 1


class PatientHand(Hand):
    """Does what `Hand` does, each attempt a deed of its own. Belongs to one client."""

    def __init__(
        self, api: Api, journal: LedgerJournal, patience: Patience, dice: random.Random, first_number: int
    ) -> None:
        super().__init__(api, journal, first_number)
        self.left_alone = 0
        """Changes that were not asked for, since an earlier one of the same name may yet be done."""
        self.commits_twice = 0
        self._ledger_journal = journal
        self._patience = patience
        self._dice = dice
        self._unsettled: set[tuple[str, str]] = set()
        self._uploads_left_alone: set[str] = set()

    def start(self, source: str, token: str) -> str:
        return self._patience.until_answered(lambda: super(PatientHand, self).start(source, token))

    def complete_again(self, job: str, upload: str, content: Content) -> None:
        if upload not in self._uploads_left_alone:
            self._patience.until_answered(lambda: super(PatientHand, self).complete_again(job, upload, content))

    def commit(self, job: str) -> str:
        """CommitBackupJob; at times once more while the first is still at it, as by a client that has given it up.

        Both are told the same recovery point.
        """
        if self._dice.random() >= _TWICE_SHARE:
            return super().commit(job)
        told: list[str | BaseException] = []

        def again() -> None:
            try:
                told.append(super(PatientHand, self).commit(job))
            except BaseException as error:  # noqa: BLE001 - raised by the thread that waits for it
                told.append(error)

        beside = threading.Timer(self._dice.random() * _TWICE_APART_SECONDS_MAX, again)
        beside.start()
        try:
            first = super().commit(job)
        finally:
            beside.join()
        self.commits_twice += 1
        [second] = told
        if isinstance(second, BaseException):
            raise second
        assert second == first, f"job {job} was committed twice at once: one was told {first}, the other {second}"
        return first

    def _do(self, deed: Deed, send: Callable[[], T], made: Callable[[T], str] | None = None) -> str:
        if isinstance(deed, Set) and any((deed.job, name) in self._unsettled for name in deed.objects):
            self.left_alone += 1
            self._uploads_left_alone.add(deed.upload or "")
            return ""
        doubts = 0

        def met() -> None:
            nonlocal doubts
            doubts += 1
            if isinstance(deed, Set):
                self._unsettled |= {(deed.job, name) for name in deed.objects}

        try:
            return self._patience.until_answered(lambda: super(PatientHand, self)._do(deed, send, made), met)
        except NotFound:
            if not doubts or not isinstance(deed, Delete):
                raise
            # Nobody can say which of the attempts it was, but the recovery point is gone, and nobody else deletes it.
            self._ledger_journal.write(SeenPoint(deed.point, there=False))
            return ""

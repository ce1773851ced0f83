"""A root key that somebody else may forbid: used only while its owner keeps allowing it.

The owner (a KMS) is asked again every few minutes, by a thread of its own, so that no request waits for it. A refusal
counts at once and until the next yes. An owner that cannot be reached has said nothing: the last answer stands, since
an outage of the KMS must not become one of every backup.
"""

import hmac
import threading
from collections.abc import Callable

from holdfast.keys.local import LocalKeyProvider
from holdfast.model.errors import Unavailable, UnusableKey

CHECK_SECONDS_DEFAULT = 300


class WatchedKeyProvider:
    """KeyProvider over a root key that was allowed when this is made. `watch` starts its thread, `close` ends it."""

    def __init__(
        self,
        root_key: LocalKeyProvider,
        ask: Callable[[], bytes],
        *,
        report: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """`ask` gives the root key, or raises UnusableKey (refused) or Unavailable (nobody answered).

        `report` is told each change: why the key may not be used, or None when it may again.
        """
        self._inner = root_key
        self._ask = ask
        self._report = report
        self._refused: str | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def root_id(self) -> bytes:
        return self._inner.root_id

    def require_usable(self) -> None:
        refused = self._refused
        if refused is not None:
            raise UnusableKey(refused)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        self.require_usable()
        return self._inner.wrap(key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        self.require_usable()
        return self._inner.unwrap(wrapped, context)

    def derive(self, purpose: bytes) -> bytes:
        self.require_usable()
        return self._inner.derive(purpose)

    def refresh(self) -> None:
        """Ask once, and act on the answer."""
        before = self._refused
        try:
            same = hmac.compare_digest(LocalKeyProvider(self._ask()).root_id, self.root_id)
            self._refused = None if same else "the root key is another one than at the start: restart the service"
        except UnusableKey as refused:
            self._refused = refused.message
        except Unavailable:
            return
        if (before is None) != (self._refused is None):
            self._report(self._refused)

    def watch(self, seconds: float) -> None:
        """Ask every so many seconds from now on."""
        self._thread = threading.Thread(target=self._watch, args=(seconds,), name="root-key", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, or leaves it behind if it is waiting for an answer: it holds nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.refresh()
            except Exception as defect:  # noqa: BLE001 - the thread must go on asking, whatever it met
                self._report(f"asking for the root key failed: {type(defect).__name__}: {defect}")

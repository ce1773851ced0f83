"""Metrics of a process whose page is never read: a command that opens a store, does one thing and ends."""

from collections.abc import Callable

from holdfast.observe.metrics import Metrics


class Unmeasured(Metrics):
    """Takes what `Metrics` takes and keeps nothing; the library behind a page is not loaded."""

    def __init__(self) -> None:
        """Nothing is registered anywhere."""

    def request(self, operation: str, status: int, seconds: float, received_bytes: int, sent_bytes: int) -> None:
        pass

    def early_answer(self) -> None:
        pass

    def refused_connection(self, reason: str) -> None:
        pass

    def chunk_stored(self, raw_bytes: int, frame_bytes: int) -> None:
        pass

    def chunk_deduplicated(self, raw_bytes: int) -> None:
        pass

    def group_committed(self, steps: int, seconds: float) -> None:
        pass

    def watch(
        self, name: str, help_text: str, value: Callable[[], float], told: Callable[[], int] | None = None
    ) -> None:
        pass

    def sample(self) -> None:
        pass

    def page(self, *, for_everyone: bool = False) -> bytes:  # noqa: ARG002 - the signature of what it stands for
        """Of nothing."""
        return b""

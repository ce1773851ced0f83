"""What may be asked without credentials: is it alive, is it ready, what are its numbers (contract 2)."""

from collections.abc import Callable

from holdfast.observe.metrics import Metrics
from holdfast.wire.message import RequestHead, Response

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_UNCACHED = (b"cache-control", b"no-store")


class Health:
    """Answers `/health/live`, `/health/ready` and `/metrics`; `not_ready` says in a word why not."""

    def __init__(
        self,
        not_ready: Callable[[], str | None],
        metrics: Metrics,
        *,
        shows_metrics: bool = True,
        for_everyone: bool = True,
    ) -> None:
        """`for_everyone`: strangers may ask, who are shown no number that tells what the store holds."""
        self._for_everyone = for_everyone
        self._not_ready = not_ready
        self._metrics = metrics
        self._pages: dict[bytes, Callable[[], Response]] = {
            b"/health/live": self._live,
            b"/health/ready": self._ready,
        }
        if shows_metrics:
            self._pages[b"/metrics"] = self._numbers

    def answer(self, head: RequestHead) -> Response | None:
        """The page, or None if this request is none of ours."""
        page = self._pages.get(head.raw_path)
        if page is None or head.method not in ("GET", "HEAD"):
            return None
        return page()

    def _live(self) -> Response:
        return Response(200, (_TEXT, _UNCACHED), b"alive\n")

    def _ready(self) -> Response:
        reason = self._not_ready()
        if reason is None:
            return Response(200, (_TEXT, _UNCACHED), b"ready\n")
        return Response(503, (_TEXT, _UNCACHED, (b"retry-after", b"1")), f"not ready: {reason}\n".encode())

    def _numbers(self) -> Response:
        return Response(
            200,
            ((b"content-type", self._metrics.content_type), _UNCACHED),
            self._metrics.page(for_everyone=self._for_everyone),
        )

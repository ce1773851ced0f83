"""Whether the pages of a list lead anywhere: an endpoint must not keep a reader for ever.

A token that comes again means that the pages go round in a circle, since a token alone decides what follows it. One
earlier token is enough to find out, if it is replaced after 1, 2, 4, 8, ... pages: sooner or later it lies on the
circle, and stays long enough for the pages to come round once. Pages that hold nothing but a token are counted.
"""

from holdfast.model.errors import Internal

EMPTY_PAGES_MAX = 10_000
"""In a row. Each may stand for as much as the service was ready to look through for one request."""


class PageProgress:
    """Watches over one list, called `what` in errors."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._earlier: str | None = None
        self._pages = 0
        self._replaced_at = 1
        self._empty = 0

    def check(self, token: str | None, *, is_empty: bool) -> None:
        """Notes a page and the token that it ends with. Raises Internal where the list makes no progress."""
        if token is None:
            return
        if token == self._earlier:
            raise Internal(f"the endpoint's {self._what} never ends: a page names as the next one what was read before")
        self._empty = self._empty + 1 if is_empty else 0
        if self._empty > EMPTY_PAGES_MAX:
            raise Internal(f"the endpoint's {self._what} never ends: {self._empty} pages in a row hold nothing")
        self._pages += 1
        if self._pages == self._replaced_at:
            self._earlier, self._replaced_at = token, 2 * self._pages

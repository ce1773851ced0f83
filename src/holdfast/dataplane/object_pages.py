"""Pages of a view's objects: what ListObjects and ScanObjects share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from holdfast.catalog import objects
from holdfast.catalog.objects import ObjectRow, PageFilter
from holdfast.dataplane import handles
from holdfast.dataplane.checks import check_size
from holdfast.dataplane.reading import Reading
from holdfast.dataplane.store import Store
from holdfast.model.limits import OBJECT_NAME_BYTES_MAX, PAGE_LOOKS_MAX
from holdfast.model.token import TokenKind


def chosen_filter(store: Store, kind: TokenKind, job_id: str, params: Mapping[str, object]) -> PageFilter:
    """The filters of a request. Name and prefix are ignored where a NextToken is given, which carries its own."""
    token = cast(str | None, params.get("NextToken"))
    if token is not None:
        return handles.open_object_page(store.tokens, kind, job_id, token)
    lowest = _bound(params, "StartingObjectName")
    prefix = _bound(params, "StartingObjectPrefix")
    chosen = PageFilter(lowest=max(lowest, prefix))
    if prefix:
        successor = _after_all_with_prefix(prefix)
        chosen = replace(chosen, highest=successor) if successor else chosen
    if params.get("CreatedAfter") is not None:
        chosen = replace(chosen, created_after=cast(int, params["CreatedAfter"]))
    if params.get("CreatedBefore") is not None:
        chosen = replace(chosen, created_before=cast(int, params["CreatedBefore"]))
    return chosen


def read_page(open_read: Reading, chosen: PageFilter, limit: int) -> tuple[list[ObjectRow], PageFilter | None]:
    """Up to `limit` objects, and the filters of the next page where there is one.

    A page for which many objects were looked at may have few, or none, although another one follows.
    """
    near = objects.horizon(open_read.tx, open_read.view, chosen, PAGE_LOOKS_MAX) if chosen.is_timed else None
    rows = objects.page(open_read.tx, open_read.view, near or chosen, limit + 1)
    if len(rows) <= limit:
        return rows, None if near is None else replace(chosen, lowest="", after=near.highest)
    rows = rows[:limit]
    return rows, replace(chosen, lowest="", after=rows[-1].name)


def _bound(params: Mapping[str, object], parameter: str) -> str:
    text = cast(str, params.get(parameter) or "")
    check_size(
        len(text.encode("utf-8", "surrogatepass")), OBJECT_NAME_BYTES_MAX, parameter, "no object has a longer name"
    )
    return text


def _after_all_with_prefix(prefix: str) -> str | None:
    """The least string greater than everything that begins with `prefix`, by code points; None if there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            # Surrogates are no characters; the code point after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None

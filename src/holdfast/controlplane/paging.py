"""Pages of lists: MaxResults, and a NextToken that is good for one operation.

A NextToken holds the place where the next page begins, nothing else: as with AWS Backup, the caller says its filters
again with every page. Lists are by number or name, so that what comes or goes between two pages moves nothing else.
"""

from collections.abc import Sequence
from typing import TypeVar

from holdfast.controlplane.members import number_or_none, text_or_none
from holdfast.controlplane.plane import Params
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import CONTROL_PAGE_RESULTS_MAX
from holdfast.model.token import TokenKind, TokenMint

R = TypeVar("R")

NUMBER_MAX = 2**63 - 1


def page_size(params: Params) -> int:
    """MaxResults, 1 to 1000; 1000 if the caller does not say. Raises InvalidInput."""
    size = number_or_none(params, "MaxResults")
    if size is None:
        return CONTROL_PAGE_RESULTS_MAX
    if not 1 <= size <= CONTROL_PAGE_RESULTS_MAX:
        raise InvalidInput(f"MaxResults is {size}: it must be 1 to {CONTROL_PAGE_RESULTS_MAX}")
    return size


def begin_below(tokens: TokenMint, operation: str, params: Params) -> int:
    """The number that the page begins below, for lists that show the newest first. Raises InvalidInput."""
    payload = _opened(tokens, operation, params)
    return NUMBER_MAX if payload is None else int.from_bytes(payload, "big")


def begin_after(tokens: TokenMint, operation: str, params: Params) -> str:
    """The name that the page begins after, for lists by name. Raises InvalidInput."""
    payload = _opened(tokens, operation, params)
    return "" if payload is None else payload.decode("utf-8")


def cut(rows: Sequence[R], size: int) -> tuple[Sequence[R], R | None]:
    """Of up to `size` + 1 rows: the page, and its last row if there is a page after it."""
    return (rows, None) if len(rows) <= size else (rows[:size], rows[size - 1])


def token_below(tokens: TokenMint, operation: str, number: int) -> str:
    """The NextToken of a page that ended with `number`."""
    return tokens.issue(TokenKind.CONTROL_PAGE, operation, number.to_bytes(8, "big"))


def token_after(tokens: TokenMint, operation: str, name: str) -> str:
    """The NextToken of a page that ended with `name`."""
    return tokens.issue(TokenKind.CONTROL_PAGE, operation, name.encode("utf-8"))


def _opened(tokens: TokenMint, operation: str, params: Params) -> bytes | None:
    text = text_or_none(params, "NextToken")
    return None if text is None else tokens.open(TokenKind.CONTROL_PAGE, operation, text, "NextToken")

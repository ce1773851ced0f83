"""A parsed head as the scope that ASGI gives an application: the path as it travelled, undecoded."""

from collections.abc import Sequence
from typing import Any

import httptools

Address = tuple[str, int | None] | None

EXPECT_AS_WRITTEN = "holdfast.expect"
"""A scope's key of ours: the name of the header `Expect` in the letters in which it came, or nothing."""


def scope_of(
    parser: httptools.HttpRequestParser,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    scheme: str | None,
    server: Address,
    client: Address,
    expect: bytes,
) -> Any:
    """The scope of the request whose head `parser` has just read; `expect` is how that header's name was written."""
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": parser.get_http_version(),
        "method": parser.get_method().decode("ascii"),
        "scheme": scheme,
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "server": server,
        "client": client,
        EXPECT_AS_WRITTEN: expect,
    }

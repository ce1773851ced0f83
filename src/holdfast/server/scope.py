"""A parsed head as the scope that ASGI gives an application: the path as it travelled, undecoded."""

from collections.abc import Sequence
from typing import Any

Address = tuple[str, int | None] | None


def scope_of(
    version: str,
    method: bytes,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    scheme: str | None,
    server: Address,
    client: Address,
) -> Any:
    """The scope of one request."""
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": version,
        "method": method.decode("ascii"),
        "scheme": scheme,
        "path": raw_path.decode("latin-1"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "server": server,
        "client": client,
    }

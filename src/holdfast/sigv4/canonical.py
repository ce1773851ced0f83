"""The canonical request of SigV4, built of the bytes that travelled.

Clients differ in two places (docs/design/sigv4.md), so a verifier tries candidates, the most likely first:

- path: the raw path percent-encoded once more, as it is; or with `.`, `..` and empty segments removed before.
- query: the raw pairs sorted; or each part decoded, encoded strictly and then sorted.

A candidate never makes a request mean something else: the router works on the raw path and refuses one that a
normalisation would change, and a decoded query pair has the same meaning as its re-encoded form.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote_from_bytes, unquote_to_bytes

_HTTP_PATH = re.compile(rb"[A-Za-z0-9\-._~/%]*")
_UNRESERVED = re.compile(rb"[A-Za-z0-9\-._~]*")
# A table of all bytes: strangers choose what is encoded, and this is several times quicker than urllib's quote.
_QUERY_BYTES = tuple(quote_from_bytes(bytes([byte]), safe="").encode("ascii") for byte in range(256))
_PATH_BYTES = tuple(b"/" if byte == ord("/") else encoded for byte, encoded in enumerate(_QUERY_BYTES))
_EMPTY_SEGMENTS = re.compile(rb"/(?:\.?/)+")
_NOT_NORMAL = re.compile(rb"/\.{0,2}(?:/|$)")


def encode_path(raw_path: bytes) -> bytes:
    """`raw_path` percent-encoded again: `%2F` becomes `%252F`; unreserved and '/' stay; empty becomes '/'."""
    if not raw_path:
        return b"/"
    if _HTTP_PATH.fullmatch(raw_path):
        return raw_path.replace(b"%", b"%25")
    return _encode(raw_path, _PATH_BYTES)


def normalise_path(raw_path: bytes) -> bytes:
    """`raw_path` without `.`, `..` and empty segments, as AWS's own signers remove them before they encode."""
    kept: list[bytes] = []
    for segment in _EMPTY_SEGMENTS.sub(b"/", raw_path).split(b"/"):
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    tail = b"/" if kept and raw_path.endswith(b"/") else b""
    return b"/" + b"/".join(kept) + tail


def path_candidates(raw_path: bytes) -> Iterator[bytes]:
    """The canonical paths that clients may have signed for `raw_path`, at most two."""
    yield encode_path(raw_path)
    if _NOT_NORMAL.search(raw_path):
        normal = normalise_path(raw_path)
        if normal != raw_path:
            yield encode_path(normal)


def query_candidates(raw_query: bytes) -> Iterator[bytes]:
    """The canonical queries that clients may have signed for `raw_query`, at most two."""
    as_sent = sort_query(raw_query)
    yield as_sent
    recoded = recode_query(raw_query)
    if recoded != as_sent:
        yield recoded


def sort_query(raw_query: bytes) -> bytes:
    """The pairs as they came, sorted by name, then value; a name without '=' gets one."""
    if not raw_query:
        return b""
    # Sorted as pairs, not as text: 'checksum=' comes before 'checksum-algorithm=', although '-' sorts before '='.
    pairs = sorted([pair.partition(b"=")[::2] for pair in raw_query.split(b"&")])
    return b"&".join([name + b"=" + value for name, value in pairs])


def recode_query(raw_query: bytes) -> bytes:
    """The pairs decoded, encoded strictly (all but unreserved characters as %XX, upper case) and sorted."""
    pairs = sorted(
        (_recode(name), _recode(value))
        for name, _, value in (pair.partition(b"=") for pair in raw_query.split(b"&") if pair)
    )
    return b"&".join([name + b"=" + value for name, value in pairs])


def _recode(part: bytes) -> bytes:
    decoded = unquote_to_bytes(part) if b"%" in part else part
    return decoded if _UNRESERVED.fullmatch(decoded) else _encode(decoded, _QUERY_BYTES)


def _encode(raw: bytes, table: tuple[bytes, ...]) -> bytes:
    return b"".join([table[byte] for byte in raw])


def fold(value: bytes) -> bytes:
    """A header value as it is signed: outer white space gone, inner runs one space each."""
    return b" ".join(value.split())


def header_block(headers: Iterable[tuple[bytes, bytes]], signed_headers: Sequence[bytes]) -> bytes | None:
    """The canonical header lines of `signed_headers` (sorted, lower case), each ending in a newline.

    Values of a repeated name are joined with ',' in the order received. None if a signed header is not there.
    """
    values: dict[bytes, list[bytes]] = {name: [] for name in signed_headers}
    for name, value in headers:
        found = values.get(name)
        if found is not None:
            found.append(fold(value))
    if not all(values.values()):
        return None
    return b"".join([name + b":" + b",".join(values[name]) + b"\n" for name in signed_headers])


def canonical_request(
    method: bytes, path: bytes, query: bytes, headers: bytes, signed_headers: bytes, payload_hash: bytes
) -> bytes:
    """The bytes that are hashed; `headers` is a `header_block`, `signed_headers` the names joined with ';'."""
    return b"\n".join((method, path, query, headers, signed_headers, payload_hash))

"""Which clients may be given a final answer before they have sent their body.

It saves a client the body, and it is right only if nothing else uses the connection afterwards. Between two parties
`Connection: close` says so. A proxy keeps that word for itself: HAProxy passes the answer on without it, the client
sends its next request, and HAProxy takes that for the body still due; Caddy asks for the body on its own account and
resets the client that sends it. So a client is answered early only where no header shows a proxy, and one of these
tells that none of those is there unseen: the client has said that it closes its connection after such an answer; its
signed `Host` is the address of the very socket it reached; or `Expect` is not all in small letters, into which
HAProxy and Envoy turn every name. Every other client is asked for the body.
"""

import ipaddress
from functools import lru_cache

from holdfast.wire.message import EARLY_ANSWER_CLOSES, RequestHead

_ADDED_BY_PROXIES = frozenset(
    {
        b"via",
        b"forwarded",
        b"x-real-ip",
        b"x-original-forwarded-for",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
    }
)
_PROXY_PREFIX = b"x-forwarded"
_PORTS = {"http": 80, "https": 443}

Address = tuple[str, int | None]


def may_answer_early(head: RequestHead, server: Address | None, scheme: str, expect_as_written: bytes) -> bool:
    """Whether an answer before the body reaches this client and ends its connection.

    `server` is our end of the connection's socket; `expect_as_written` the name of that header as it came.
    """
    if any(name in _ADDED_BY_PROXIES or name.startswith(_PROXY_PREFIX) for name, _ in head.headers):
        return False
    name, value = EARLY_ANSWER_CLOSES
    if head.header(name) == value or expect_as_written != expect_as_written.lower():
        return True
    host = head.header(b"host")
    return host is not None and server is not None and _is_address_of(host, server, _PORTS.get(scheme))


@lru_cache(maxsize=256)
def _is_address_of(host: bytes, server: Address, port_default: int | None) -> bool:
    """Whether `host` names the socket address `server`. A name proves nothing: a proxy may bear it as well."""
    name, port = _split(host.decode("latin-1"))
    here = _ip(server[0])
    if here is None or (int(port) if port else port_default) != server[1]:
        return False
    return here.is_loopback if name == "localhost" else _ip(name) == here


def _split(authority: str) -> tuple[str, str]:
    name, colon, port = authority.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        name, port = authority, ""
    return name.removeprefix("[").removesuffix("]").lower(), port


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found

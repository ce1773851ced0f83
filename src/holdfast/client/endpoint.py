"""Where the service is: an http or https URL, taken apart and checked once."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from holdfast.model.errors import InvalidInput

_PATH = re.compile(r"(?:/[A-Za-z0-9\-._~%!$&'()*+,;=:@]+)*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service address."""

    tls: bool
    hostname: str
    """Without the brackets of an IPv6 address."""
    port: int
    base_path: bytes
    """What every path of the API is put behind: empty, or `/` and more, without a trailing slash."""

    @property
    def host(self) -> bytes:
        """The `host` header: the port is named only where it is not the scheme's own."""
        name = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        own = 443 if self.tls else 80
        return (name if self.port == own else f"{name}:{self.port}").encode("ascii")

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host.decode('ascii')}{self.base_path.decode('ascii')}"


def parse_endpoint(url: str, origin: str) -> Endpoint:
    """The endpoint that `url` names. Raises InvalidInput naming `origin`, the variable or option that it came from."""
    remedy = "give a URL such as http://127.0.0.1:9220 or https://backup.example.org"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as malformed:
        raise InvalidInput(f"{origin} is {url[:200]!r}: {malformed}; {remedy}") from malformed
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.hostname.isascii():
        raise InvalidInput(f"{origin} is {url[:200]!r}: {remedy}")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput(f"{origin} must not hold a user, a query or a fragment: {remedy}")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{origin} has the path {path[:200]!r}, which is not a plain URL path: {remedy}")
    tls = parts.scheme == "https"
    return Endpoint(tls, parts.hostname, port or (443 if tls else 80), path.encode("ascii"))

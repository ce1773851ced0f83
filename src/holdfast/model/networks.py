"""Sets of IP addresses, written as CIDR blocks; and the block that stands for one customer in a count.

Values only: who may be trusted with what is for the parts that ask.
"""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

_ONE_SITE_V6_BITS = 64
"""A site is given at least so much: an IPv6 customer has 2**64 addresses without asking for them."""


class Networks:
    """Blocks of addresses; an empty set holds none. Immutable."""

    def __init__(self, blocks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()) -> None:
        self._blocks = blocks

    @classmethod
    def parse(cls, text: str) -> "Networks":
        """The blocks that `text` names: addresses or CIDR, joined with commas. Raises ValueError for a bad one."""
        words = [word.strip() for word in text.split(",")] if text.strip() else []
        return cls(tuple(_block(word) for word in words))

    def holds(self, address: str) -> bool:
        """Whether `address` (as a socket shows it) lies in one of the blocks; what is no address does not."""
        if not self._blocks:
            return False
        found = _address(address)
        return found is not None and any(found in block for block in self._blocks)

    def __iter__(self) -> "Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]":
        return iter(self._blocks)

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self._blocks == other._blocks

    def __hash__(self) -> int:
        return hash(self._blocks)

    def __str__(self) -> str:
        return ",".join(str(block) for block in self._blocks)

    def __repr__(self) -> str:
        return f"Networks({str(self)!r})"


def site_of(address: str) -> str:
    """What is counted as one customer: an IPv4 address, or the /64 block of an IPv6 address; else `address` itself."""
    found = _address(address)
    if found is None or found.version == 4:
        return address if found is None else str(found)
    return str(ipaddress.ip_network((int(found), _ONE_SITE_V6_BITS), strict=False))


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _block(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(word)
    except ValueError as malformed:
        raise ValueError(f"{word!r} is neither an address nor a block such as 10.0.0.0/8: {malformed}") from malformed

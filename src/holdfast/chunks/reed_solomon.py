"""The door to zfec: parity shards of equal blocks, and lost blocks back from any of them that are left.

The library is an extra of its own: it is asked for only where parity is made or needed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.model.errors import Unavailable


def encode(shards: Sequence[bytes], parity_shards: int) -> list[bytes]:
    """`parity_shards` further blocks of the same length. Raises Unavailable where zfec is not installed."""
    count = len(shards)
    made: list[bytes] = _library("Encoder")(count, count + parity_shards).encode(
        list(shards), list(range(count, count + parity_shards))
    )
    return made


def decode(found: Mapping[int, bytes], data_shards: int, parity_shards: int) -> list[bytes]:
    """All data shards, of exactly `data_shards` that are left by number; parity shards are numbered after them."""
    # A data shard must stand at its own place in what is handed over; parity shards fill the holes.
    spare = iter([number for number in found if number >= data_shards])
    numbers = [number if number in found else next(spare) for number in range(data_shards)]
    decoder = _library("Decoder")(data_shards, data_shards + parity_shards)
    blocks: list[bytes] = decoder.decode([found[number] for number in numbers], numbers)
    return blocks


def require() -> None:
    """Raises Unavailable, with the remedy, where zfec is not installed."""
    _library("Encoder")


def _library(name: str) -> Callable[..., Any]:
    try:
        import zfec
    except ImportError as missing:
        raise Unavailable("parity needs the library zfec: install it with  pip install 'holdfast[parity]'") from missing
    found: Callable[..., Any] = getattr(zfec, name)
    return found

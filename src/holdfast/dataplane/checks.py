"""Checks of declared lengths and checksums against the bytes that came (contract 3.1, 3.11)."""

from holdfast.model import checksum
from holdfast.model.errors import ChecksumMismatch, InvalidInput, UnreadableBody
from holdfast.wire.message import Buffer


def check_length(data: Buffer, declared: int | None, parameter: str) -> None:
    """Raises UnreadableBody or InvalidInput unless the body is as long as declared; None declares nothing."""
    if declared is None or declared == len(data):
        return
    if len(data) < declared:
        raise UnreadableBody(
            f"the body ended after {len(data)} bytes, {parameter} is {declared}: send the whole chunk again"
        )
    raise InvalidInput(f"the body has {len(data)} bytes, {parameter} is {declared}: they must be equal")


def check_chunk(data: Buffer, declared: str | None, parameter: str) -> bytes:
    """The SHA-256 digest of `data`. Raises ChecksumMismatch where a declared checksum (base64) differs."""
    actual = checksum.digest(data)
    if declared is not None and checksum.decode(declared, parameter) != actual:
        raise ChecksumMismatch(
            f"{parameter} is {declared}, the SHA256 of the {len(data)} bytes received is {checksum.encode(actual)}:"
            " the data was changed on its way or the wrong checksum was sent"
        )
    return actual


def check_summary(actual: bytes, declared: str | None, parameter: str) -> None:
    """Raises ChecksumMismatch where a declared SUMMARY checksum (base64) differs from the object's."""
    if declared is not None and checksum.decode(declared, parameter) != actual:
        raise ChecksumMismatch(
            f"{parameter} is {declared}, the SUMMARY of the chunks received is {checksum.encode(actual)}:"
            " a chunk is missing or differs (SUMMARY is SHA-256 over the raw chunk digests by ascending index)"
        )


def check_size(size: int, limit: int, what: str, remedy: str) -> None:
    """Raises InvalidInput for more than `limit` bytes."""
    if size > limit:
        raise InvalidInput(f"{what} has {size} bytes: at most {limit} are allowed; {remedy}")


def check_range(value: int, lowest: int, highest: int, parameter: str) -> int:
    """`value` itself. Raises InvalidInput outside `lowest`..`highest`."""
    if not lowest <= value <= highest:
        raise InvalidInput(f"{parameter} is {value}: it must be from {lowest} to {highest}")
    return value

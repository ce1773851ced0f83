"""zstd, as the chunk store uses it: level 1, and not at all where it does not pay.

What is always true here: decompression never yields more than it was told to expect, and never silently less.
"""

import sys

from holdfast.model.errors import Damaged
from holdfast.packfile.layout import Codec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Buffer = bytes | bytearray | memoryview

LEVEL = 1
GAIN_PERCENT_MIN = 3
"""Compression that saves less is not kept: reading it back would cost more than the space is worth."""

_PROBE_ABOVE_BYTES = 128 * 1024
_PROBE_BYTES = 8 * 1024
_PROBES = 4
_IDLE_COMPRESSORS_MAX = 8

# A compressor takes 20 us to make and about 1 MB to keep, so a few are kept and handed round. (list.pop and
# list.append are atomic; one made in excess under contention is dropped on its return.)
_idle: list[zstd.ZstdCompressor] = []


def compress(data: Buffer) -> tuple[Codec, Buffer]:
    """`data` as one zstd frame, or `data` itself where that gains less than 3 %. Releases the GIL on long input."""
    size = len(data)
    if size > _PROBE_ABOVE_BYTES and not _promising(data):
        return Codec.RAW, data
    packed = _compress(data)
    if len(packed) * 100 > size * (100 - GAIN_PERCENT_MIN):
        return Codec.RAW, data
    return Codec.ZSTD, packed


def decompress(packed: Buffer, raw_bytes: int) -> bytes:
    """The `raw_bytes` bytes that `packed` stands for. Damaged if they are more, fewer, or not one whole zstd frame."""
    decompressor = zstd.ZstdDecompressor()
    try:
        raw = decompressor.decompress(packed, raw_bytes + 1)
    except zstd.ZstdError as broken:
        raise Damaged("a frame's content does not decompress") from broken
    if len(raw) != raw_bytes or not decompressor.eof or decompressor.unused_data:
        raise Damaged(f"a frame's content does not decompress to the {raw_bytes} bytes that its header promises")
    return raw


def _compress(data: Buffer) -> bytes:
    try:
        compressor = _idle.pop()
    except IndexError:
        compressor = zstd.ZstdCompressor(level=LEVEL)
    # One that raises is not put back: what it still holds inside is unknown.
    packed = compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
    if len(_idle) < _IDLE_COMPRESSORS_MAX:
        _idle.append(compressor)
    return packed


def _promising(data: Buffer) -> bool:
    """Whether samples spread over long `data` compress. A wrong answer costs space or time, nothing else."""
    view = memoryview(data)
    stride = (len(view) - _PROBE_BYTES) // (_PROBES - 1)
    sample = b"".join(view[i * stride : i * stride + _PROBE_BYTES] for i in range(_PROBES))
    return len(_compress(sample)) * 100 <= len(sample) * (100 - GAIN_PERCENT_MIN)

import random

import pytest

from holdfast.chunks import compression
from holdfast.chunks.compression import compress, decompress
from holdfast.model.errors import Damaged
from holdfast.packfile.layout import Codec

TEXT = b"The quick brown fox jumps over the lazy dog. " * 2000
NOISE = random.Random(1).randbytes(1 << 20)


def test_what_compresses_is_compressed_and_comes_back() -> None:
    for size in (200, 4096, len(TEXT)):
        codec, packed = compress(TEXT[:size])
        assert codec == Codec.ZSTD
        assert len(packed) < size * 0.97
        assert decompress(packed, size) == TEXT[:size]


def test_what_does_not_compress_is_kept_as_the_same_buffer() -> None:
    for data in (b"", b"x", NOISE[:100], NOISE[:4096], NOISE):
        codec, packed = compress(data)
        assert codec == Codec.RAW
        assert packed is data


def test_a_gain_under_three_percent_is_not_worth_it() -> None:
    size = 100_000
    for text_bytes, expected in ((2000, Codec.RAW), (5000, Codec.ZSTD)):
        assert compress(NOISE[: size - text_bytes] + TEXT[:text_bytes])[0] == expected


def test_long_data_that_is_noise_only_here_and_there_is_compressed() -> None:
    mixed = NOISE[:200_000] + TEXT * 4 + NOISE[:200_000]
    codec, packed = compress(mixed)
    assert codec == Codec.ZSTD
    assert decompress(packed, len(mixed)) == mixed


def test_views_and_bytearrays_compress_like_bytes() -> None:
    for data in (memoryview(b"xx" + TEXT)[2:], bytearray(TEXT)):
        codec, packed = compress(data)
        assert codec == Codec.ZSTD
        assert decompress(packed, len(TEXT)) == TEXT


@pytest.mark.parametrize("error", [-1, 1, -1000, 10**6])
def test_a_length_other_than_the_true_one_is_damage(error: int) -> None:
    _, packed = compress(TEXT)
    with pytest.raises(Damaged):
        decompress(packed, len(TEXT) + error)


def test_a_decompression_bomb_yields_no_more_than_the_length_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = compression.zstd.compress(bytes(256 << 20), 1)
    assert len(bomb) < 100_000
    asked: list[int] = []
    real = compression.zstd.ZstdDecompressor

    class Watched:
        def __init__(self) -> None:
            self.inner = real()

        def decompress(self, data: bytes, max_length: int = -1) -> bytes:
            asked.append(max_length)
            return self.inner.decompress(data, max_length)

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    monkeypatch.setattr(compression.zstd, "ZstdDecompressor", Watched)
    with pytest.raises(Damaged):
        decompress(bomb, 4096)
    assert asked == [4097]


def test_cut_and_garbled_and_doubled_frames_are_damage() -> None:
    _, packed = compress(TEXT)
    for broken in (b"", packed[:-1], bytes(packed) + b"x", bytes(packed) * 2, b"rubbish", packed[5:]):
        with pytest.raises(Damaged):
            decompress(broken, len(TEXT))


def test_compressors_are_used_again_but_not_hoarded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = compression.zstd.ZstdCompressor

    def make(level: int) -> object:
        made.append(level)
        return real(level=level)

    make.FLUSH_FRAME = real.FLUSH_FRAME  # type: ignore[attr-defined]
    monkeypatch.setattr(compression, "_idle", [])
    monkeypatch.setattr(compression.zstd, "ZstdCompressor", make)
    for _ in range(20):
        compress(TEXT)
    assert made == [1]
    assert len(compression._idle) == 1

"""Where a large file is cut into chunks, so that unchanged stretches of a changed file are found again.

FastCDC over each stretch of data between two holes. The parameters below are part of the format: another value cuts
other chunks and finds nothing of earlier backups. They stand in the metadata blob of every source's root
(`PARAMETERS`), and golden vectors in the tests hold them still. A chunk's index is the byte offset of its first byte in
the file; holes are gaps between indexes and cost nothing.
"""

import errno
import os
from collections.abc import Iterator
from typing import Literal

from pyfastcdc import FastCDC

from holdfast.model.errors import Unavailable
from holdfast.model.limits import KIB, MIB

CUT_BYTES_MIN = 512 * KIB
CUT_BYTES_AVERAGE = 2 * MIB
CUT_BYTES_MAX = 8 * MIB
CUT_NORMALIZATION: Literal[1] = 1
WINDOW_BYTES = 16 * MIB
"""Read at once: at least CUT_BYTES_MAX, so that every window yields at least one chunk."""

PARAMETERS = f"fastcdc {CUT_BYTES_MIN} {CUT_BYTES_AVERAGE} {CUT_BYTES_MAX} {CUT_NORMALIZATION}"


def check_compiled() -> None:
    """Raises Unavailable unless pyfastcdc's compiled module is active: the pure one is some hundred times slower."""
    if not FastCDC.__module__.startswith("pyfastcdc.cy"):
        raise Unavailable(
            "pyfastcdc runs without its compiled module; install a wheel of it for this machine"
            " (python -m pip install --force-reinstall --only-binary :all: pyfastcdc)"
        )


def cuts(window: memoryview, last: bool) -> Iterator[tuple[int, int]]:
    """(offset, length) of the chunks in `window`.

    Unless it is the `last` of its stretch, the tail whose end is not decided yet is left out: the next window begins
    there.
    """
    size = len(window)
    cutter = FastCDC(
        CUT_BYTES_AVERAGE, min_size=CUT_BYTES_MIN, max_size=CUT_BYTES_MAX, normalized_chunking=CUT_NORMALIZATION
    )
    for chunk in cutter.cut_buf(window):
        offset, length = chunk.offset, chunk.length
        if not last and offset + length == size and length < CUT_BYTES_MAX:
            return
        yield offset, length


def read_window(fd: int, position: int, end: int) -> tuple[memoryview, list[tuple[int, int]]]:
    """The next bytes of the stretch that ends at `end`, with their cuts; empty where the file ends early.

    The next window begins behind the last cut. Raises OSError.
    """
    window = memoryview(_read(fd, min(WINDOW_BYTES, end - position), position))
    last = position + len(window) >= end or len(window) < WINDOW_BYTES
    return window, list(cuts(window, last))


def _read(fd: int, size: int, position: int) -> bytes:
    data = os.pread(fd, size, position)
    if not 0 < len(data) < size:
        return data
    pieces = [data]  # the file ends here, or it is one of those that give a page at a time
    done = len(data)
    while done < size and (piece := os.pread(fd, size - done, position + done)):
        pieces.append(piece)
        done += len(piece)
    return b"".join(pieces)


def data_stretches(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """[start, end) of each stretch of the first `size` bytes that is not a hole. Raises OSError."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            if error.errno == errno.EINVAL:  # a file system without holes
                yield position, size
                return
            raise
        if start >= size:
            return
        end = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        yield start, end
        position = end

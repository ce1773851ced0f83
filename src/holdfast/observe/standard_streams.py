"""The three descriptors that every program is started with, or ought to be.

A daemon's child or a script (`<&-`, `2>&-`) may start a program with some of them closed. The next file that it opens
then gets the free number, and what is meant for a person is written into it. So the missing ones are opened on
/dev/null before anything else is.
"""

import contextlib
import errno
import io
import os
import select
import sys
from typing import TextIO

_PATIENCE_SECONDS = 5
_NAMES = ("stdin", "stdout", "stderr")


class OutputLost(Exception):
    """What was printed cannot leave. No OSError, so that it is not taken for trouble of a file or a socket."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.has_no_reader = error.errno == errno.EPIPE
        """Whether the reader of a pipe went away, having seen enough."""


class _Output(io.FileIO):
    """The descriptor of stdout, which says of an error that it is its own."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as refused:
            raise OutputLost(refused) from refused


def guard_output() -> None:
    """From here on printing raises OutputLost where it fails. For a process's first steps."""
    old = sys.stdout
    old.flush()
    buffered = io.BufferedWriter(_Output(old.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(buffered, encoding=old.encoding, errors=old.errors, line_buffering=old.isatty())


def open_missing() -> None:
    """Afterwards descriptors 0, 1 and 2 are open, and so are Python's streams over them. For a process's first step."""
    for descriptor, name in enumerate(_NAMES):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is the one that is missing: those below it have been looked at.
            opened = os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
            assert opened == descriptor
            os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            errors = "backslashreplace" if name == "stderr" else None
            stream = open(descriptor, "r" if descriptor == 0 else "w", errors=errors, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def complain(line: str) -> None:
    """One line on stderr, if it can be written; where it cannot, the exit code has to say it all."""
    try:
        if _takes_more(sys.stderr):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        else:
            discard(sys.stderr)
    except (OSError, ValueError):
        discard(sys.stderr)


def _takes_more(stream: TextIO) -> bool:
    """Whether a line on it would not wait for ever: the reader of a pipe may have stopped reading."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_PATIENCE_SECONDS * 1000))


def discard(stream: TextIO) -> None:
    """What `stream` holds unwritten, and all that comes, goes nowhere: writing it has failed, and would fail again."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
        stream.flush()

"""A process of its own that does steps on a store and is killed at a chosen moment.

It is forked, so that it begins with everything its parent knows; its parent has closed the store and has no thread in
it. It says what it is about to change before each request, and what it has acknowledged after it: whatever the parent
got to know when the pipe ends, the store must hold.
"""

import os
import pickle
import signal
import struct
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from holdfast.blobs.disk import SystemDisk
from holdfast.catalog.sqlite import SqliteCatalog
from torture.dictionary import Dictionary
from torture.inside import HandClock

Step = tuple[str, Mapping[str, Any]]
"""The name of a step and its arguments."""

_SECONDS_MAX = 60
"""A life that hangs is ended by an alarm, and that is a failure."""
_LENGTH = struct.Struct(">I")
_VERBS = ("make_directory", "create", "write", "sync", "sync_directory", "link", "replace", "remove")


class Life(Protocol):
    """What steps are done on."""

    model: Dictionary
    clock: HandClock
    before: Callable[[Callable[[Dictionary, Any], None]], None]
    after: Callable[[], None]

    def open(self) -> None: ...

    def do(self, step: str, arguments: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class End:
    """What is known of a life that was ended."""

    acknowledged: Dictionary
    """After the last request that was answered."""
    possible: Dictionary | None
    """If the one that was under way was done too; None if none was."""


def live(life: Life, steps: Sequence[Step], blow: int) -> End:
    """Does `steps` in a child that is killed at its `blow`th look at the disk, or at the end. Raises AssertionError."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run(life, steps, blow, os.fdopen(writer, "wb"))
    os.close(writer)
    acknowledged, possible, failed = life.model, None, ""
    with os.fdopen(reader, "rb") as pipe:
        while (told := _hear(pipe)) is not None:
            word, value = told
            if word == "failed":
                failed = value
            elif word == "possible":
                possible = value
            else:
                acknowledged, possible = value, None
    _, status = os.waitpid(child, 0)
    assert not failed, f"in the life that was to be killed:\n{failed}"
    assert os.WTERMSIG(status) == signal.SIGKILL, f"the life ended by itself, with status {status:#x}"
    return End(acknowledged, possible)


def _hear(pipe: IO[bytes]) -> tuple[str, Any] | None:
    """What the child says next; None at the end, also in the middle of a word."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    [length] = _LENGTH.unpack(head)
    told = pipe.read(length)
    return pickle.loads(told) if len(told) == length else None  # noqa: S301 - what our own child wrote


def _run(life: Life, steps: Sequence[Step], blow: int, pipe: IO[bytes]) -> None:
    """The child. Never returns."""

    def tell(word: str, value: object) -> None:
        told = pickle.dumps((word, value))
        pipe.write(_LENGTH.pack(len(told)) + told)
        pipe.flush()

    def before(change: Callable[[Dictionary, Any], None]) -> None:
        possible = pickle.loads(pickle.dumps(life.model))  # noqa: S301 - a copy of our own value
        change(possible, None)
        possible.now_us = life.clock.us
        tell("possible", possible)

    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS_MAX)
        life.before, life.after = before, lambda: tell("acknowledged", life.model)
        _count_down(blow)
        life.open()
        for step, arguments in steps:
            life.do(step, arguments)
    except BaseException:  # noqa: BLE001 - the parent raises it
        tell("failed", traceback.format_exc())
    os.kill(os.getpid(), signal.SIGKILL)


def _count_down(blow: int) -> None:
    """Kills this process before the `blow`th time that it changes the disk or ends a transaction, or just after it."""
    left = blow

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*args, **kwargs)
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return counted

    for verb in _VERBS:
        setattr(SystemDisk, verb, deadly(getattr(SystemDisk, verb)))
    SqliteCatalog.run = deadly(SqliteCatalog.run)  # type: ignore[method-assign]  # in this process, which ends soon

"""A process of its own that does steps on a store and is killed at a chosen moment.

On a store in a directory it is forked, so that it begins with everything its parent knows; its parent has closed the
store and has no thread in it. Where the parent has used the libraries for buckets and databases, which do not survive a
fork, it is forked from a server that only loaded them. It says what it is about to change before each request, and what
it has acknowledged after it: whatever the parent got to know when the pipe ends, the store must hold.
"""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any, Protocol

from holdfast.blobs.disk import SystemDisk
from holdfast.catalog.sqlite import SqliteCatalog
from torture.dictionary import Dictionary
from torture.ground import Ground
from torture.inside import HandClock
from torture.tether import die_with_parent

Step = tuple[str, Mapping[str, Any]]
"""The name of a step and its arguments."""

_SECONDS_MAX = 60
"""A life that hangs is ended by an alarm, and that is a failure."""
_VERBS = ("make_directory", "create", "write", "sync", "sync_directory", "link", "replace", "remove")


class Life(Protocol):
    """What steps are done on. Where its ground is shared, it can be pickled while it is closed."""

    ground: Ground
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
    hearing, child = (_spawned if life.ground.is_shared else _forked)(life, steps, blow)
    acknowledged, possible, failed = life.model, None, ""
    with hearing:
        while (told := _hear(hearing)) is not None:
            word, value = told
            if word == "failed":
                failed = value
            elif word == "possible":
                possible = value
            else:
                acknowledged, possible = value, None
    ended_by = child()
    assert not failed, f"in the life that was to be killed:\n{failed}"
    assert ended_by == signal.SIGKILL, f"the life ended by itself, with {ended_by}"
    return End(acknowledged, possible)


def _forked(life: Life, steps: Sequence[Step], blow: int) -> tuple[Connection, Callable[[], int]]:
    """What the child says, and how to wait for its end: which signal it was."""
    hearing, telling = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        hearing.close()
        _run(life, steps, blow, telling)
    telling.close()
    return hearing, lambda: os.WTERMSIG(os.waitpid(child, 0)[1])


def _spawned(life: Life, steps: Sequence[Step], blow: int) -> tuple[Connection, Callable[[], int]]:
    """The same, of a process that knows nothing but what it is handed."""
    hearing, telling = multiprocessing.Pipe(duplex=False)
    child = _server().Process(target=_run, args=(life, steps, blow, telling))
    child.start()
    telling.close()

    def wait() -> int:
        child.join()
        code = -(child.exitcode or 0)
        child.close()
        return code

    return hearing, wait


@cache
def _server() -> ForkServerContext:
    """Loads what lives need, once; none of it is used before it forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torture.troubled_world", "holdfast.blobs.s3", "holdfast.catalog.postgres", "obstore"]
    )
    return context


def _hear(hearing: Connection) -> tuple[str, Any] | None:
    """What the child says next; None at the end, also in the middle of a word."""
    try:
        told: tuple[str, Any] = hearing.recv()
    except (EOFError, OSError):
        return None
    return told


def _run(life: Life, steps: Sequence[Step], blow: int, telling: Connection) -> None:
    """The child. Never returns."""

    def tell(word: str, value: object) -> None:
        telling.send((word, value))

    def before(change: Callable[[Dictionary, Any], None]) -> None:
        possible = pickle.loads(pickle.dumps(life.model))  # noqa: S301 - a copy of our own value
        change(possible, None)
        possible.now_us = life.clock.us
        tell("possible", possible)

    try:
        die_with_parent()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS_MAX)
        life.before, life.after = before, lambda: tell("acknowledged", life.model)
        _count_down(blow, life.ground)
        life.open()
        for step, arguments in steps:
            life.do(step, arguments)
    except BaseException:  # noqa: BLE001 - the parent raises it
        tell("failed", traceback.format_exc())
    os.kill(os.getpid(), signal.SIGKILL)


def _count_down(blow: int, ground: Ground) -> None:
    """Kills this process before the `blow`th time that it changes the disk or ends a transaction, or just after it.

    On a shared store: before or after a request to the bucket, or something that it says to the database.
    """
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

    places: list[tuple[Any, tuple[str, ...]]] = [(SystemDisk, _VERBS), (SqliteCatalog, ("run",))]
    if ground.is_shared:
        from holdfast.blobs.s3 import S3Blobs
        from holdfast.catalog.postgres_tx import Piped, PostgresTx

        places = [(S3Blobs, ("put", "put_new", "delete")), (PostgresTx, ("say",)), (Piped, ("end",))]
    for owner, verbs in places:
        for verb in verbs:
            # In this process, which ends soon.
            setattr(owner, verb, deadly(getattr(owner, verb)))

"""The numbers of workers, kept where each of them can read all: whichever is asked shows the whole service.

Each worker counts in files of its own in one directory, mapped into its memory (the library's mode for several
processes), and a page adds up what stands in all of them. What is always true here: a number that was counted is in
every later page, at once and whatever becomes of its process, because a worker that is started again goes on where its
predecessor at the same place stopped. So counters never go backwards. Gauges of one that has ended are gone with it.

The directory is in memory, never on the store's disk: a mapped file on a disk that is full would end the process. It
belongs to the supervisor, by a lock that ends with it; one that was left behind is removed by the next that comes.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, values
from prometheus_client.multiprocess import MultiProcessCollector

from holdfast.model.errors import Unavailable
from holdfast.model.limits import KIB

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library's name for the variable by which a worker process must be given its directory when it is started."""

_SUM, _LATEST = "livesum", "livemostrecent"
_FILES = ("counter", "histogram", f"gauge_{_SUM}", f"gauge_{_LATEST}")
_FILE_BYTES = 256 * KIB
"""Several times what all our numbers take."""
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
_PREFIX = "holdfast-workers-"


class NumbersDirectory:
    """The supervisor's side: makes the directory for so many workers, and removes it on `close`."""

    def __init__(self, workers: int, parent: Path | None = None) -> None:
        """`parent` is where directories of this kind are. Raises Unavailable where there is no room."""
        where = parent or (_IN_MEMORY if _IN_MEMORY.is_dir() else Path(tempfile.gettempdir()))
        _remove_abandoned(where)
        try:
            made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=where))
            self._lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # Nobody looks at it before it is locked.
            self.path = made.rename(made.with_name(made.name.removeprefix(".")))
            for worker in range(1, workers + 1):
                for kind in _FILES:
                    _make_room(self.path / f"{kind}_{worker}.db")
        except OSError as refused:
            raise Unavailable(
                f"the numbers of {workers} workers need {workers * len(_FILES) * _FILE_BYTES >> 20} MiB in {where}:"
                f" {refused.strerror}"
            ) from refused

    def close(self) -> None:
        """For when no worker counts any more."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


class WorkerNumbers:
    """The worker's side; one in a process, made before the first metric is.

    `worker` is its place among the others, 1 and up; the environment names `directory` too (DIRECTORY_VARIABLE).
    """

    def __init__(self, directory: Path, worker: int) -> None:
        self._directory = str(directory)
        self._watched: list[_Watched] = []
        for mode in (_SUM, _LATEST):
            path = directory / f"gauge_{mode}_{worker}.db"
            path.unlink(missing_ok=True)
            _make_room(path)
        # All metrics of this process that are made from here on count in the files of this place.
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[misc,assignment]

    def watch(self, name: str, help_text: str, value: Callable[[], float], told: Callable[[], int] | None) -> None:
        """A gauge whose value is asked in this process and summed over all; as `Metrics.watch` says."""
        mode = _SUM if told is None else _LATEST
        gauge = Gauge(name, help_text, registry=None, multiprocess_mode=mode)  # type: ignore[arg-type]
        self._watched.append(_Watched(gauge, value, told))

    def sample(self) -> None:
        """Asks this worker's gauges; the others cannot."""
        for each in self._watched:
            each.sample()

    def all_of_them(self) -> CollectorRegistry:
        """What all workers have counted, as of now."""
        self.sample()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._directory)
        return registry


class _Watched:
    def __init__(self, gauge: Gauge, value: Callable[[], float], told: Callable[[], int] | None) -> None:
        self._gauge = gauge
        self._value = value
        self._told = told
        self._told_before = 0

    def sample(self) -> None:
        if self._told is not None:
            times = self._told()
            if times == self._told_before:
                return
            self._told_before = times
        self._gauge.set(self._value())


def _make_room(path: Path) -> None:
    # The library makes its files sparse, and a page that cannot be had later would end the process.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _FILE_BYTES)
    finally:
        os.close(descriptor)


def _remove_abandoned(where: Path) -> None:
    for left in where.glob(f"{_PREFIX}*"):
        # Those of other users cannot be opened or removed, and are none of ours.
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)

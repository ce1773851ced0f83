"""The numbers of workers, kept where each of them can read all: whichever is asked shows the whole service.

Each worker counts in files of its own in one directory, mapped into its memory (the library's mode for several
processes), and a page adds up what stands in all of them. What is always true here: a number that was counted is in
every later page, at once and whatever becomes of its process, because a worker that is started again goes on where its
predecessor at the same place stopped. So counters never go backwards. Gauges of a process that has ended are forgotten.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, values
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library's name for the variable by which a worker process must be given its directory when it is started."""
FILE_BYTES = 256 * 1024
"""Several times what all our numbers of one kind take."""

_GAUGES = ("gauge_sum", "gauge_mostrecent")
_KINDS = ("counter", "histogram", *_GAUGES)


def files(directory: Path, worker: int) -> Sequence[Path]:
    """Where the worker at that place counts: files of FILE_BYTES that must be there, and empty, before the first."""
    return [_file(directory, kind, worker) for kind in _KINDS]


def forget_gauges(directory: Path, worker: int) -> None:
    """For when the process at that place has ended: what it showed of itself is no more."""
    for kind in _GAUGES:
        with _file(directory, kind, worker).open("r+b") as file:
            # The word that says how much of the file is used.
            os.pwrite(file.fileno(), bytes(8), 0)


class WorkerNumbers:
    """The numbers of this process and of those beside it; one in a process, made before its first metric is.

    `worker` is its place among the others, 1 and up; the environment names `directory` too (DIRECTORY_VARIABLE).
    """

    def __init__(self, directory: Path, worker: int) -> None:
        self._directory = str(directory)
        self._watched: list[_Watched] = []
        # All metrics of this process that are made from here on count in the files of this place.
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
        Counter("holdfast_worker_starts", "Worker processes that were started", registry=None).inc()
        self.watch("holdfast_workers", "Worker processes that are there", lambda: 1.0, None)
        self.sample()

    def watch(self, name: str, help_text: str, value: Callable[[], float], told: Callable[[], int] | None) -> None:
        """A gauge whose value is asked in this process, and shown for all as `Metrics.watch` says."""
        if told is None:
            gauge = Gauge(name, help_text, registry=None, multiprocess_mode="sum")
        else:
            gauge = Gauge(name, help_text, registry=None, multiprocess_mode="mostrecent")
        self._watched.append(_Watched(gauge, value, told))

    def sample(self) -> None:
        """Asks this worker's gauges; the others cannot."""
        for each in self._watched:
            each.sample()

    def registry(self) -> CollectorRegistry:
        """What all workers have counted, as of now."""
        self.sample()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._directory)  # type: ignore[no-untyped-call]
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


def _file(directory: Path, kind: str, worker: int) -> Path:
    return directory / f"{kind}_{worker}.db"

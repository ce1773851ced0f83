"""Every operation twice: on the service and on the dictionary; and then the two are compared.

A step names what to do by small numbers and finds out itself what they mean in the present state: where there is
nothing to do it does nothing. So steps can be drawn beforehand, done in another process, and left out when a failure is
made smaller. Each request is one deed: `before` is told what it will change, `after` that it was acknowledged.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from holdfast.model.errors import HoldfastError, InvalidState, NotFound
from torture.compared_store import LEASE_OVER_US, SOURCES, ComparedStore
from torture.content import Content
from torture.dictionary import Dictionary, Point, Running, Source
from torture.ground import Ground
from torture.inside import DAY_US

NAMES = ("a", "a/b", "b", "c", "é", "\U0001f5c4 zz")
YEAR_US = 365 * DAY_US

R = TypeVar("R")
Change = Callable[[Dictionary, Any], None]
"""What a deed does to a dictionary, given the service's answer; None while nobody knows the answer."""


class World(ComparedStore):
    """A store that steps are done on."""

    def __init__(self, ground: Ground) -> None:
        """A new store there."""
        super().__init__(ground)
        self.before: Callable[[Change], None] = lambda _: None
        self.after: Callable[[], None] = lambda: None

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to go on, once the store is closed here."""
        return {"ground": self.ground, "clock": self.clock, "model": self.model, "_checks": self._checks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.before, self.after = lambda _: None, lambda: None

    def do(self, step: str, arguments: Mapping[str, Any]) -> None:
        """One of the steps below, by its name."""
        getattr(self, step)(**arguments)

    def jobs(self) -> list[Running]:
        """All that run."""
        return [series.running for series in self.model.series.values() if series.running]

    def points(self) -> list[Point]:
        """All that are kept."""
        return [point for series in self.model.series.values() for point in series.points.values()]

    def start(self, source: int) -> None:
        """A job, if none runs; else it is refused."""
        vault, name = key = SOURCES[source]
        if self.model.series[key].running:
            refused(InvalidState, lambda: self.inside.start(name, vault))
            return
        self._start(key)

    def put(self, source: int, name: int, content: Content, way: int) -> None:
        """An object by one of the three ways."""
        self.put_batch(source, {name: content}, way)

    def put_batch(self, source: int, batch: Mapping[int, Content], way: int = -1) -> None:
        """Several objects by PutObjects, of the first chunk of each; or one by another way."""
        vault, running = self._begun(source)
        contents = {NAMES[name]: content if way >= 0 else _first_chunk(content) for name, content in batch.items()}

        def change(model: Dictionary, _: object) -> None:
            _job_of(model, source).view.update(contents)
            for content in contents.values():
                model.sent(vault, content.blob, *(piece for _, piece in content.chunks))

        if way < 0:
            self._deed(lambda: self.inside.put_objects(running.job, contents), change)
        for name, content in contents.items() if way >= 0 else ():
            self._deed(partial(self.inside.put, running.job, name, content, way), change)

    def begin_upload(self, source: int, name: int, content: Content) -> None:
        """StartObject and PutChunk of every chunk; the upload stays open."""
        vault, running = self._begun(source)

        def change(model: Dictionary, upload: str | None) -> None:
            if upload is not None:
                _job_of(model, source).uploads[upload] = (NAMES[name], dict(content.chunks))
                model.sent(vault, *(piece for _, piece in content.chunks))

        def send() -> str:
            upload = self.inside.open_upload(running.job, NAMES[name])
            for index, piece in content.chunks:
                self.inside.put_chunk(running.job, upload, index, piece)
            return upload

        self._deed(send, change)

    def end_upload(self, source: int, choice: int, content: Content) -> None:
        """NotifyObjectComplete of an open upload, with the metadata of `content`."""
        vault, running = self._running(source)
        if running is None or not running.uploads:
            return
        upload, (name, chunks) = chosen(list(running.uploads.items()), choice)
        whole = Content(tuple(sorted(chunks.items())), content.note, content.blob)

        def change(model: Dictionary, _: object) -> None:
            job = _job_of(model, source)
            job.view[name] = whole
            del job.uploads[upload]
            model.sent(vault, whole.blob)

        self._deed(lambda: self.inside.complete(running.job, upload, whole), change)

    def delete(self, source: int, name: int) -> None:
        """An object of the view; a name that is not there is refused."""
        _, running = self._begun(source)
        gone = NAMES[name]

        def call() -> object:
            return self.inside.call("DeleteObject", BackupJobId=running.job, ObjectName=gone)

        def change(model: Dictionary, _: object) -> None:
            job = _job_of(model, source)
            del job.view[gone]
            job.deleted.add(gone)

        if gone in running.view:
            self._deed(call, change)
        elif gone in running.deleted:
            call()
        else:
            refused(NotFound, call)

    def commit(self, source: int, drop: bool) -> None:
        """The job's view becomes a point; with open uploads only if they may be dropped."""
        _, running = self._begun(source)
        if running.uploads and not drop:
            refused(InvalidState, lambda: self.inside.commit(running.job))
            return
        self._commit(SOURCES[source], running, drop or running.stray_uploads)

    def backup(self, source: int, changes: Mapping[int, Content | None]) -> None:
        """A few puts and deletions, and the commit."""
        for name, content in changes.items():
            if content is None:
                self.delete(source, name)
            else:
                self.put(source, name, content, name)
        self.commit(source, drop=True)

    def abort(self, source: int) -> None:
        """StopBackupJob."""
        _, running = self._running(source)
        if running is not None:
            stop = lambda: self.inside.call("StopBackupJob", BackupJobId=running.job)  # noqa: E731 - named for the line
            self._deed(stop, lambda model, _: _end_job(model, source))
            refused(InvalidState, partial(self.inside.put, running.job, "late", Content()))

    def delete_point(self, source: int, choice: int) -> None:
        """Any kept point of the source."""
        series = self.model.series[SOURCES[source]]
        if not series.points:
            return
        arn = chosen(list(series.points), choice)
        names = {"BackupVaultName": SOURCES[source][0], "RecoveryPointArn": arn}
        change: Change = lambda model, _: _forget_point(model, source, arn)  # noqa: E731 - named for its type
        self._deed(lambda: self.inside.call("DeleteRecoveryPoint", **names), change)
        refused(NotFound, lambda: self.inside.restore(arn))

    def end_reader(self, source: int, choice: int) -> None:
        """CompleteRestoreJob of the job that reads a point; the next look starts another."""
        readers = [point for point in self.model.series[SOURCES[source]].points.values() if point.reader]
        if readers:
            arn, reader = (point := chosen(readers, choice)).arn, point.reader

            def change(model: Dictionary, _: object) -> None:
                model.series[SOURCES[source]].points[arn].reader = None

            self._deed(lambda: self.inside.call("CompleteRestoreJob", StorageJobId=reader), change)
            refused(NotFound, lambda: self.inside.call("ListObjects", StorageJobId=reader))

    def jump(self, years: int) -> None:
        """The clock, forward or back. A job whose lease is over can no longer be used, and makes way for the next."""
        self.clock.us = self.model.now_us = self.clock.us + years * YEAR_US
        if years < 0:
            self._touch_all()
        for number, key in enumerate(SOURCES):
            running = self.model.series[key].running
            if running is not None and self.clock.us > running.started_us + LEASE_OVER_US:
                refused(NotFound, partial(self.inside.call, "ListObjects", StorageJobId=running.job))
                refused(InvalidState, partial(self.inside.put, running.job, "late", Content()))
                self._start(key)
                assert self.model.series[SOURCES[number]].running is not running

    def _touch_all(self) -> None:
        """Uses every job that was touched later than it is now: its lease begins again at this earlier time."""
        for series in self.model.series.values():
            running = series.running
            if running is not None and self.clock.us < running.started_us:
                self.inside.call("ListObjects", StorageJobId=running.job)
                running.started_us = self.clock.us
            for point in series.points.values():
                if point.reader is not None and self.clock.us < point.reader_us:
                    self.inside.call("ListObjects", StorageJobId=point.reader)
                    point.reader_us = self.clock.us

    def restart(self) -> None:
        """As a service that is stopped and started."""
        self.inside.close()
        self.open()

    def _running(self, source: int) -> tuple[str, Running | None]:
        return SOURCES[source][0], self.model.series[SOURCES[source]].running

    def _begun(self, source: int) -> tuple[str, Running]:
        """The job that runs; one is started if none does."""
        if self.model.series[SOURCES[source]].running is None:
            self._start(SOURCES[source])
        return SOURCES[source][0], _job_of(self.model, source)

    def _start(self, key: Source) -> None:
        base = self.model.series[key].newest()

        def change(model: Dictionary, made: tuple[str, str] | None) -> None:
            job, arn = made or ("", "")
            model.series[key].running = Running(job, arn, dict(base), self.clock.us)

        self._deed(lambda: self.inside.start(key[1], key[0]), change)

    def _commit(self, key: Source, running: Running, drop: bool) -> None:
        def change(model: Dictionary, _: object) -> None:
            series = model.series[key]
            series.points[running.arn] = Point(running.arn, dict(running.view))
            series.running = None

        def call() -> None:
            made = self.inside.call("CommitBackupJob", BackupJobId=running.job, DropOpenUploads=drop)
            total = sum(content.total_bytes() for content in running.view.values())
            true = (running.arn, len(running.view), total)
            assert (made["RecoveryPointArn"], made["ObjectCount"], made["Bytes"]) == true

        self._deed(call, change)
        refused(InvalidState, partial(self.inside.put, running.job, "late", Content()))

    def _deed(self, call: Callable[[], R], change: Change) -> None:
        self.before(change)
        answer = call()
        change(self.model, answer)
        self.model.now_us = self.clock.us
        self.after()


def refused(kind: type[HoldfastError], call: Callable[[], object]) -> None:
    """The service must say no."""
    with suppress(kind):
        call()
        raise AssertionError(f"{kind.__name__} was to be the answer")


def chosen(items: list[R], choice: int) -> R:
    """One of a few."""
    return items[choice % len(items)]


def _job_of(model: Dictionary, source: int) -> Running:
    running = model.series[SOURCES[source]].running
    assert running is not None
    return running


def _end_job(model: Dictionary, source: int) -> None:
    model.series[SOURCES[source]].running = None


def _forget_point(model: Dictionary, source: int, arn: str) -> None:
    del model.series[SOURCES[source]].points[arn]


def _first_chunk(content: Content) -> Content:
    return Content(tuple((0, piece) for _, piece in content.chunks[:1]), content.note, content.blob)

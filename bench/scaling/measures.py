"""What is measured at each size: each figure through a running `holdfast serve`, over HTTP, as a client meets it.

For what must not depend on the size there is also the processor time of a request, of the service and the database's
server together: others who use the machine change it far less than the time that passes.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import quantiles
from typing import TypeVar

import msgspec

from bench.scaling import real_part
from bench.scaling.plan import Plan
from bench.scaling.processes import memory, processor_seconds
from bench.scaling.real_part import ROLE, SOURCE, VAULT
from holdfast.client.api import Api
from holdfast.client.call import Requester, decode
from holdfast.client.http import HttpTransport
from holdfast.client.profile import resolve
from holdfast.client.request_line import label, query
from scripts.service_process import ServiceProcess

CHANGES = 1000
_FEW = 50
"""So many of them are new names, and so many deleted ones."""
_STARTS = 50
_PUTS, _PUT_THREADS = 500, 4
_BATCHES, _BATCH = 3, 1_000
_PAGES = 200
_READS = 400
_GC_SECONDS = 20
_NOTHING_COPIED = 100

Figures = dict[str, float]
"""By name: milliseconds, seconds, objects per second or bytes, as the name says."""


class _Listed(msgspec.Struct, rename="pascal"):
    object_token: str


class _ObjectPage(msgspec.Struct, rename="pascal"):
    object_list: list[_Listed]
    next_token: str | None = None


R = TypeVar("R")

_page = msgspec.json.Decoder(_ObjectPage)


@dataclass(frozen=True, slots=True)
class Session:
    """A client of one running service; `pids` are those of the service and of the database's server, if it has one."""

    api: Api
    requester: Requester
    pids: Sequence[int]

    def list_objects(self, job_id: str, **chosen: str | int) -> _ObjectPage:
        """ListObjects, one page."""
        names = {"start": "starting-object-name", "limit": "max-results", "token": "next-token"}
        line = query(*((names[word], value) for word, value in chosen.items()))
        path = b"/restore-jobs/" + label(job_id, "StorageJobId") + b"/objects/list"
        return decode(_page, self.requester.storage("GET", path, line))


def measure_round(service: ServiceProcess, server_pid: int | None, plan: Plan, turn: int) -> Figures:
    """One round of everything; afterwards the vault is as large as before, with two recovery points more at most."""
    figures: Figures = {}
    with _session(service, [service.process.pid, *([server_pid] if server_pid else [])]) as session:
        figures |= _starting(session)
        figures |= _listing(session, plan, turn)
        figures |= _reading(session, plan, turn)
        figures |= _committing(session, plan, turn)
        figures |= _putting(session, plan, turn)
    return figures | memory(service.process.pid)


@contextmanager
def _session(service: ServiceProcess, pids: Sequence[int]) -> Iterator[Session]:
    profile = resolve(service.environment())
    assert profile.endpoint is not None
    transport = HttpTransport(profile.endpoint)
    credentials = profile.required_credentials()
    api = Api(transport, credentials)
    try:
        yield Session(api, Requester(transport, credentials), pids)
    finally:
        api.close()


def _starting(session: Session) -> Figures:
    def start() -> str:
        return session.api.start_backup_job(VAULT, SOURCE, ROLE).backup_job_id

    seconds = []
    before = processor_seconds(session.pids)
    for _ in range(_STARTS):
        took, job = _timed(start)
        seconds.append(took)
        session.api.stop_backup_job(job)
    used = processor_seconds(session.pids) - before
    _collect(session)
    return _percentiles("job start", seconds) | {"job start and stop, processor ms": 1000 * used / _STARTS}


def _listing(session: Session, plan: Plan, turn: int) -> Figures:
    job = session.api.start_restore_job(_newest(session))
    idle = processor_seconds(session.pids)
    first = [_timed(partial(session.list_objects, job))[0] for _ in range(_PAGES)]
    used = processor_seconds(session.pids) - idle
    deep = []
    for number in plan.some(_PAGES, turn):
        before = session.list_objects(job, start=plan.name(number), limit=1)
        if before.next_token is not None:
            deep.append(_timed(partial(session.list_objects, job, token=before.next_token))[0])
    session.api.complete_restore_job(job)
    return {
        **_percentiles("ListObjects first page", first),
        **_percentiles("ListObjects deep page", deep),
        "ListObjects first page, processor ms": 1000 * used / _PAGES,
    }


def _reading(session: Session, plan: Plan, turn: int) -> Figures:
    job = session.api.start_restore_job(_newest(session))
    tokens = []
    for number in plan.some_real(_READS, turn * _READS):
        [listed] = session.list_objects(job, start=plan.name(number), limit=1).object_list
        tokens += [chunk.chunk_token for chunk in session.api.list_chunks(job, listed.object_token)]
    before = processor_seconds(session.pids)
    seconds = [_timed(partial(session.api.get_chunk, job, token))[0] for token in tokens]
    used = processor_seconds(session.pids) - before
    session.api.complete_restore_job(job)
    return _percentiles("GetChunk", seconds) | {"GetChunk, processor ms": 1000 * used / len(tokens)}


def _committing(session: Session, plan: Plan, turn: int) -> Figures:
    """Two jobs that change the same names; then the point of the first, which lies between kept ones, is deleted."""
    names = [plan.name(number) for number in plan.some(CHANGES, turn)]
    new, deleted, replaced = [f"{name}.new" for name in names[:_FEW]], names[_FEW : 2 * _FEW], names[2 * _FEW :]
    replaced += [f"{name}.newer" for name in names[:_FEW]]
    seconds, used, points = [], 0.0, []
    for written, removed in (([*new, *replaced], deleted), ([*deleted, *replaced], new)):
        job = session.api.start_backup_job(VAULT, SOURCE, ROLE).backup_job_id
        session.api.put_objects(job, [real_part.record(name, 0) for name in written])
        session.api.delete_objects(job, removed)
        before = processor_seconds(session.pids)
        took, committed = _timed(partial(session.api.commit_backup_job, job))
        used += processor_seconds(session.pids) - before
        seconds.append(took)
        points.append(committed.recovery_point_arn)
    began = time.perf_counter()
    session.api.delete_recovery_point(VAULT, points[0])
    _collect(session)
    collecting = time.perf_counter() - began
    return {
        "commit, ms": 1000 * sum(seconds) / len(seconds),
        "commit, processor ms": 1000 * used / len(seconds),
        "gc, ms": 1000 * collecting,
    }


def _putting(session: Session, plan: Plan, turn: int) -> Figures:
    """One object a request from several threads, then a thousand a request from one; the job is given up."""
    job = session.api.start_backup_job(VAULT, SOURCE, ROLE).backup_job_id
    fresh = count()

    def names(number: int) -> Iterable[str]:
        return [f"{plan.name(n)}.put-{next(fresh)}" for n in plan.some(number, turn)]

    def put(chosen: tuple[str, bytes, bytes]) -> None:
        name, data, digest = chosen
        session.api.put_object(job, name, data, digest, metadata_string=real_part.metadata_string(0))

    singles = [
        (name, data := real_part.record(name, 0).data or b"", hashlib.sha256(data).digest()) for name in names(_PUTS)
    ]
    with ThreadPoolExecutor(_PUT_THREADS) as threads:
        single, _ = _timed(lambda: list(threads.map(put, singles)))
    batches = [[real_part.record(name, 0) for name in names(_BATCH)] for _ in range(_BATCHES)]
    batched, _ = _timed(lambda: [session.api.put_objects(job, batch) for batch in batches])
    session.api.stop_backup_job(job)
    _collect(session)
    return {
        "PutObject, per second": len(singles) / single,
        "PutObjects, objects per second": _BATCHES * _BATCH / batched,
    }


def _newest(session: Session) -> str:
    points = session.api.list_recovery_points_by_vault(VAULT, resource_arn=SOURCE)
    return next(iter(points)).recovery_point_arn


def _collect(session: Session) -> None:
    """Works off all that there is to collect; copies nothing."""
    for _ in session.api.collect_all_garbage(compact_threshold=_NOTHING_COPIED, seconds=_GC_SECONDS):
        pass


def _timed(call: Callable[[], R]) -> tuple[float, R]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def _percentiles(name: str, seconds: list[float]) -> Figures:
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {f"{name} p50, ms": 1000 * cuts[49], f"{name} p99, ms": 1000 * cuts[98]}

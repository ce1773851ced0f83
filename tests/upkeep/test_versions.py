"""Jobs, commits, deletions and sweeps in every order, beside a dictionary that cannot forget anything."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.catalog import collect, objects, recovery_points, sweep
from holdfast.catalog.backup_jobs import BackupJobRow
from holdfast.catalog.sweep import Batch
from tests.backends import Backend
from tests.lengths import BOTH, Length
from tests.upkeep.ledger import Ledger, Seen, view_of

SOURCES = ("alpha", "beta")
NAMES = st.sampled_from(["a", "a/b", "b", "c", "é", "zz"])
REFERENCES = st.integers(0, 4)


@dataclass
class Running:
    """The model of a running job: the view as a plain dictionary."""

    row: BackupJobRow
    view: dict[str, Seen]
    deleted: set[str] = field(default_factory=set)
    open_uploads: dict[int, tuple[str, int]] = field(default_factory=dict)


@dataclass
class Series:
    """The model of a source: every kept point is a dictionary of its own; the newest comes last."""

    points: dict[str, dict[str, Seen]] = field(default_factory=dict)
    running: Running | None = None


class Versions(RuleBasedStateMachine):
    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.folder = Path(tempfile.mkdtemp())
        self.place = backend.place(self.folder)
        self.ledger = Ledger(self.place.catalog())
        self.series = {name: Series() for name in SOURCES}

    # Every example begins with some history, so that the short life of an example reaches deep states.
    @initialize(history=st.lists(st.dictionaries(NAMES, st.none() | REFERENCES, max_size=4), max_size=5))
    def begin(self, history: list[dict[str, int | None]]) -> None:
        for changes in history:
            self.start("alpha")
            for name, references in changes.items():
                if references is None:
                    self.delete("alpha", name)
                else:
                    self.put("alpha", name, references)
            self.commit("alpha", True)

    @rule(source=st.sampled_from(SOURCES))
    def start(self, source: str) -> None:
        series = self.series[source]
        if series.running is None:
            newest = next(reversed(series.points.values()), {})
            series.running = Running(self.ledger.start(source), dict(newest))

    @rule(source=st.sampled_from(SOURCES), name=NAMES, references=REFERENCES)
    def put(self, source: str, name: str, references: int) -> None:
        if running := self.series[source].running:
            mark = self.ledger.put(view_of(running.row), name, references)
            running.view[name] = Seen(mark, references)

    @rule(source=st.sampled_from(SOURCES), name=NAMES, references=REFERENCES)
    def open_upload(self, source: str, name: str, references: int) -> None:
        if running := self.series[source].running:
            object_no = self.ledger.upload(view_of(running.row), name, references)
            running.open_uploads[object_no] = (name, references)

    @rule(source=st.sampled_from(SOURCES), data=st.data())
    def complete_upload(self, source: str, data: st.DataObject) -> None:
        running = self.series[source].running
        if running and running.open_uploads:
            object_no = data.draw(st.sampled_from(sorted(running.open_uploads)))
            name, references = running.open_uploads.pop(object_no)
            mark = self.ledger.complete(view_of(running.row), object_no, name, references)
            running.view[name] = Seen(mark, references)

    @rule(source=st.sampled_from(SOURCES), name=NAMES)
    def delete(self, source: str, name: str) -> None:
        if running := self.series[source].running:
            known = name in running.view or name in running.deleted
            assert self.ledger.delete(view_of(running.row), name) == known
            if running.view.pop(name, None):
                running.deleted.add(name)

    @rule(source=st.sampled_from(SOURCES), drop_deletions=st.booleans())
    def commit(self, source: str, drop_deletions: bool) -> None:
        series = self.series[source]
        if running := series.running:
            uid = self.ledger.commit(running.row, drop_deletions=drop_deletions)
            series.points[uid] = running.view
            series.running = None
            with self.ledger.catalog.snapshot() as tx:
                point = recovery_points.find(tx, uid)
            assert point is not None
            assert point.object_count == len(running.view)
            assert point.total_bytes == sum(10 * one.references for one in running.view.values())

    @rule(source=st.sampled_from(SOURCES))
    def abort(self, source: str) -> None:
        series = self.series[source]
        if running := series.running:
            self.ledger.abort(running.row)
            series.running = None

    @precondition(lambda self: any(series.points for series in self.series.values()))
    @rule(data=st.data())
    def delete_point(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from([name for name in SOURCES if self.series[name].points]))
        uid = data.draw(st.sampled_from(list(self.series[source].points)))
        del self.series[source].points[uid]
        self.ledger.delete_point(uid)

    @rule(
        steps=st.lists(st.sampled_from(sweep.SWEEPS), min_size=1, max_size=6),
        batch=st.builds(Batch, objects=st.integers(1, 3), references=st.integers(1, 5)),
    )
    def sweep_a_little(self, steps: list[object], batch: Batch) -> None:
        for step in steps:
            self.ledger.write(lambda tx, step=step: step(tx, batch))  # type: ignore[operator]

    @rule()
    def sweep_to_the_end(self) -> None:
        for _ in range(3000):
            if not self.ledger.sweep(Batch(objects=2, references=3)):
                break
        with self.ledger.catalog.snapshot() as tx:
            assert not sweep.pending(tx)
        while self.collected(3):
            pass
        self.nothing_is_left_that_nobody_sees()

    @rule(limit=st.integers(1, 4))
    def collect_a_little(self, limit: int) -> None:
        self.collected(limit)

    def collected(self, limit: int) -> int:
        return self.ledger.write(lambda tx: collect.collect(tx, limit)).looked_at

    @rule()
    def restart(self) -> None:
        self.ledger.catalog.close()
        self.ledger = Ledger(self.place.catalog(), first_number=next(self.ledger.numbers))

    @invariant()
    def every_kept_point_and_every_running_job_shows_what_the_model_shows(self) -> None:
        for series in self.series.values():
            for uid, expected in series.points.items():
                assert self.ledger.listing(self.ledger.point_view(uid), page_size=2) == expected, uid
            if series.running:
                view = view_of(series.running.row)
                assert self.ledger.listing(view, page_size=2) == series.running.view
                with self.ledger.catalog.snapshot() as tx:
                    for name in ("a", "a/b", "b", "c", "é", "zz"):
                        found = objects.find(tx, view, name)
                        expected_here = series.running.view.get(name)
                        assert (found and found[1]) == (expected_here and expected_here.mark)

    def nothing_is_left_that_nobody_sees(self) -> None:
        fetch = self.ledger.fetch
        needed: set[object] = set()
        for series in self.series.values():
            views = [self.ledger.point_view(uid) for uid in series.points]
            if series.running:
                row = series.running.row
                views.append(objects.View(row.series_no, row.base_seq))
                needed |= {one for (one,) in fetch(f"SELECT object_no FROM objects WHERE job_no = {row.job_no}")}
            with self.ledger.catalog.snapshot() as tx:
                for view in views:
                    needed |= {one.object_no for one in objects.page(tx, view, objects.PageFilter(), 1000)}
        assert {one for (one,) in fetch("SELECT object_no FROM objects")} == needed
        assert fetch("SELECT 1 FROM object_chunks WHERE object_no NOT IN (SELECT object_no FROM objects)") == []
        unused = fetch("SELECT chunk_no FROM chunks EXCEPT SELECT chunk_no FROM object_chunks")
        assert set(unused) <= {(self.ledger.chunk_no,)}
        assert fetch("SELECT * FROM dead_seqs") == []
        jobs = {series.running.row.job_no for series in self.series.values() if series.running}
        assert {one for (one,) in fetch("SELECT DISTINCT job_no FROM deletions")} <= jobs
        assert fetch("SELECT 1 FROM manifests m JOIN recovery_points p USING (point_no) WHERE p.state = 'GONE'") == []
        # Whatever still says DELETED is the base of a running job.
        bases = {(s.running.row.series_no, s.running.row.base_seq) for s in self.series.values() if s.running}
        assert set(fetch("SELECT series_no, seq FROM recovery_points WHERE state = 'DELETED'")) <= bases

    def teardown(self) -> None:
        try:
            self.sweep_to_the_end()
            self.every_kept_point_and_every_running_job_shows_what_the_model_shows()
        finally:
            self.ledger.catalog.close()
            self.backend.clear()
            shutil.rmtree(self.folder)


EXAMPLES = {"short": {"embedded": 15, "shared": 4}, "full": {"embedded": 60, "shared": 15}}
"""A restart and its statements cost more on a server."""


# An example that fails is made small, which takes its time on a server.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("length", BOTH)
def test_every_view_shows_what_the_dictionary_shows_whatever_happens(backend: Backend, length: Length) -> None:
    run_state_machine_as_test(
        lambda: Versions(backend),
        settings=settings(
            max_examples=EXAMPLES[length][backend.kind],
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

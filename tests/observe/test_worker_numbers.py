"""What workers count, in processes of their own as they are."""

import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.app.numbers_directory import NumbersDirectory
from holdfast.observe import worker_numbers

WORKER = """
    import sys
    from pathlib import Path
    from holdfast.observe.metrics import Metrics
    from holdfast.observe.worker_numbers import WorkerNumbers
    metrics = Metrics(WorkerNumbers(Path(sys.argv[1]), int(sys.argv[2])))
    bodies, due, looks = 0.0, 0.0, 0
    metrics.watch("holdfast_bodies", "Bodies", lambda: bodies)
    metrics.watch("holdfast_due", "Due", lambda: due, lambda: looks)
    for line in sys.stdin:
        exec(line)
        print("done", flush=True)
"""


class Worker:
    def __init__(self, directory: Path, number: int) -> None:
        command = [sys.executable, "-c", textwrap.dedent(WORKER), str(directory), str(number)]
        environ = {**os.environ, worker_numbers.DIRECTORY_VARIABLE: str(directory)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, bufsize=1
        )
        self.do("pass")

    def do(self, line: str) -> list[str]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        said: list[str] = []
        while (answer := self.process.stdout.readline()) != "done\n":
            assert answer, "it has ended"
            said.append(answer)
        return said

    def page(self) -> dict[str, float]:
        lines = self.do("print(metrics.page().decode())")
        pairs = (line.rstrip().rpartition(" ") for line in lines if line.startswith("holdfast_"))
        return {name: float(value) for name, _, value in pairs}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def directory(tmp_path: Path):
    made = NumbersDirectory(3, tmp_path)
    yield made.path
    made.close()


@pytest.fixture
def start(directory: Path):
    with ExitStack() as closing:

        def start(number: int) -> Worker:
            worker = Worker(directory, number)
            closing.callback(lambda: worker.process.poll() is None and worker.kill())
            return worker

        yield start


PUT = 'metrics.request("PutChunk", 200, 0.02, 100, 7)'
COUNT = 'holdfast_requests_total{operation="PutChunk",status="200"}'


def test_whoever_is_asked_shows_the_sum(start) -> None:
    one, other, _ = workers = [start(1), start(2), start(3)]
    for _ in range(3):
        one.do(PUT)
    other.do(PUT)
    other.do("metrics.group_committed(4, 0.001)")
    for worker in workers:
        page = worker.page()
        assert page[COUNT] == 4
        assert page["holdfast_received_bytes_total"] == 400
        assert page['holdfast_request_seconds_count{operation="PutChunk"}'] == 4
        assert page['holdfast_request_seconds_bucket{le="0.01",operation="PutChunk"}'] == 0
        assert page['holdfast_request_seconds_bucket{le="0.025",operation="PutChunk"}'] == 4
        assert page["holdfast_group_commit_steps_sum"] == 4
        assert page["holdfast_workers"] == page["holdfast_worker_starts_total"] == 3


def test_what_one_counted_stays_when_it_is_killed_and_its_successor_goes_on(start, directory: Path) -> None:
    one, other = start(1), start(2)
    one.do(PUT)
    other.do(PUT)
    one.kill()
    assert other.page()[COUNT] == 2
    one = start(1)
    assert one.page()[COUNT] == other.page()[COUNT] == 2
    one.do(PUT)
    assert other.page()[COUNT] == 3
    assert other.page()["holdfast_worker_starts_total"] == 3


def test_gauges_of_processes_are_added_up_and_go_with_them(start, directory: Path) -> None:
    one, other = start(1), start(2)
    one.do("bodies = 2.0")
    other.do("bodies = 5.0")
    # Of the others what they last noted is shown, of the one that is asked what is so now.
    one.do("metrics.sample()")
    assert other.page()["holdfast_bodies"] == 7
    other.kill()
    worker_numbers.forget_gauges(directory, 2)
    page = one.page()
    assert page["holdfast_bodies"] == 2
    assert page["holdfast_workers"] == 1
    assert page["holdfast_worker_starts_total"] == 2
    assert start(2).page()["holdfast_bodies"] == 2


def test_a_figure_of_the_store_is_the_one_that_was_learnt_last(start) -> None:
    one, other, third = start(1), start(2), start(3)
    one.do("due, looks = 9.0, 1")
    one.do("metrics.sample()")
    assert [worker.page()["holdfast_due"] for worker in (one, other, third)] == [9, 9, 9]
    other.do("due, looks = 4.0, 1")
    other.do("metrics.sample()")
    one.do("metrics.sample()")
    assert [worker.page()["holdfast_due"] for worker in (one, other, third)] == [4, 4, 4]
    one.do("due, looks = 0.0, 2")
    assert one.page()["holdfast_due"] == third.page()["holdfast_due"] == 0

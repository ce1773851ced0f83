import threading

from holdfast.model.clock import SystemClock
from holdfast.model.errors import Unavailable
from holdfast.upkeep.runner import Runner
from holdfast.upkeep.worker import Worker


class Chore:
    """A worker with so much to do, which says when it is done."""

    def __init__(self, pieces: int, trouble: Exception | None = None) -> None:
        self.left = pieces
        self.trouble = trouble
        self.done = threading.Event()
        self.steps = 0

    def step(self, now_us: int) -> bool:
        self.steps += 1
        assert now_us > 0
        if self.trouble is not None:
            raise self.trouble
        if self.left:
            self.left -= 1
            return True
        self.done.set()
        return False


def test_all_work_is_done_and_close_ends_the_thread() -> None:
    chores = [Chore(50), Chore(3)]
    runner = Runner(chores, SystemClock(), lambda worker, trouble: None, idle_seconds=60)
    assert all(chore.done.wait(120) for chore in chores)
    runner.close()
    assert [chore.left for chore in chores] == [0, 0]
    steps = [chore.steps for chore in chores]
    assert threading.active_count() == 1 or "upkeep" not in {one.name for one in threading.enumerate()}
    assert [chore.steps for chore in chores] == steps


def test_a_worker_in_trouble_is_reported_and_keeps_nobody_from_work() -> None:
    reported: list[tuple[Worker, Exception]] = []
    broken, sound = Chore(1, Unavailable("the disk is full")), Chore(20)
    runner = Runner([broken, sound], SystemClock(), lambda *said: reported.append(said), trouble_seconds=60)
    assert sound.done.wait(120)
    runner.close()
    assert reported == [(broken, broken.trouble)]
    assert broken.steps == 1


def test_a_worker_in_trouble_is_tried_again() -> None:
    again = threading.Event()
    chore = Chore(1, Unavailable("the disk is full"))

    def report(worker: Worker, trouble: Exception) -> None:
        if chore.steps == 2:
            chore.trouble = None
            again.set()

    runner = Runner([chore], SystemClock(), report, idle_seconds=0.01, trouble_seconds=0.01)
    assert again.wait(120)
    assert chore.done.wait(120)
    runner.close()

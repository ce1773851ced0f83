"""What the readiness page knows of a database or a bucket that does not answer."""

import io
import json
from pathlib import Path

from holdfast.app.build import System
from holdfast.app.reachability import Reachability, Standing
from holdfast.model.errors import Unavailable
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.server.health import Health
from holdfast.wire.message import RequestHead
from tests.backends import Backend


class Times:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A database that answers or not, each time after `seconds`."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.answers = True
        self.seconds = 0.0
        self.error: Exception = Unavailable("it is away")

    def ask(self) -> None:
        self.times.now += self.seconds
        if not self.answers:
            raise self.error


class Asked:
    """A place, what is known of it, and the log; asked only when a test says so."""

    def __init__(self) -> None:
        self.times = Times()
        self.place = Place(self.times)
        self.log = io.StringIO()
        self.reachability = Reachability({}, open_log("info", "json", self.log), monotonic=self.times)
        self.standing = Standing("the database", self.times.now)
        self._said = False

    def ask_after(self, seconds: float) -> bool:
        """Whether it is silent once it was asked again."""
        self.times.now += seconds
        self._said = self.reachability.ask(self.standing, self.place.ask, self._said)
        return self.standing.is_silent(self.times.now)

    def said(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.getvalue().splitlines()]


def test_a_short_outage_goes_unnoticed():
    asked = Asked()
    asked.place.answers = False
    assert [asked.ask_after(3) for _ in range(6)] == [False] * 6
    asked.place.answers = True
    assert not asked.ask_after(1)
    assert asked.said() == []


def test_silence_for_longer_than_a_request_is_held_is_told_and_logged_once():
    asked = Asked()
    asked.place.answers = False
    assert [asked.ask_after(7) for _ in range(6)] == [False, False, True, True, True, True]
    assert asked.said() == ["out of reach"]


def test_an_ask_that_hangs_is_silence_while_it_hangs():
    asked = Asked()
    assert not asked.ask_after(3)
    assert not asked.standing.is_silent(asked.times.now + 20)
    assert asked.standing.is_silent(asked.times.now + 21)


def test_after_a_silence_two_answers_in_a_row_are_needed():
    asked = Asked()
    asked.place.answers = False
    assert asked.ask_after(30)
    asked.place.answers = True
    assert asked.ask_after(3)
    asked.place.answers = False
    assert asked.ask_after(3)
    asked.place.answers = True
    assert asked.ask_after(3)
    assert not asked.ask_after(3)
    assert asked.said() == ["out of reach", "within reach again"]


def test_an_error_that_is_none_of_ours_is_no_answer_and_ends_nothing():
    asked = Asked()
    asked.place.answers, asked.place.error = False, RuntimeError("a defect")
    assert asked.ask_after(30)
    asked.place.answers = True
    asked.ask_after(3)
    assert not asked.ask_after(3)
    assert "a defect" in asked.log.getvalue()


def test_the_page_names_what_is_out_of_reach_and_lives_on():
    times = Times()

    def away() -> None:
        raise Unavailable("postgresql://secret-host is away")

    asks = {"the database": away, "the bucket": lambda: None}
    reachability = Reachability(asks, open_log("info", "json", io.StringIO()), monotonic=times)
    health = Health(reachability.trouble, Metrics())
    assert ask(health, b"/health/ready") == (200, b"ready\n")
    reachability.close()
    times.now += 60
    status, page = ask(health, b"/health/ready")
    assert status == 503
    assert b"the database" in page
    assert b"secret-host" not in page
    assert ask(health, b"/health/live") == (200, b"alive\n")


def ask(health: Health, path: bytes) -> tuple[int, bytes]:
    answer = health.answer(RequestHead("GET", path, b"", ()))
    assert answer is not None
    return answer.status, bytes(answer.body)


def test_only_what_lies_elsewhere_is_asked(backend: Backend, tmp_path: Path):
    place = backend.place(tmp_path)
    system = System(place.options(), Metrics(), open_log("error", "json", io.StringIO()), background=False)
    try:
        elsewhere = system.asks()
        for ask_it in elsewhere.values():
            ask_it()
        assert sorted(elsewhere) in ([], ["the bucket", "the database"])
    finally:
        system.close()

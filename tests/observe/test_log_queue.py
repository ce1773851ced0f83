"""What happens to a log whose reader stops reading."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from holdfast.observe.log_queue import LogQueue


def fill(writing: int) -> int:
    """Writes until the pipe takes no more; how many bytes."""
    os.set_blocking(writing, False)
    written = 0
    try:
        while True:
            written += os.write(writing, b"." * 65536)
    except BlockingIOError:
        return written
    finally:
        os.set_blocking(writing, True)


def skip(reading: int, count: int) -> None:
    while count:
        count -= len(os.read(reading, count))


def read_lines(reading: int, count: int) -> list[str]:
    with os.fdopen(os.dup(reading), "r") as lines:
        return [lines.readline().rstrip("\n") for _ in range(count)]


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_reader_that_stops_keeps_nothing_waiting_and_the_log_says_what_is_missing(is_blocking: bool):
    reading, writing = os.pipe()
    filled = fill(writing)
    os.set_blocking(writing, is_blocking)
    queue = LogQueue(writing, lambda missing: f"{missing} missing", lines_max=3)
    for number in range(5):
        queue.put(f"line {number}")
    assert queue.dropped == 2
    skip(reading, filled)
    assert read_lines(reading, 3) == ["line 0", "line 1", "line 2"]
    queue.put("after")
    queue.close()
    assert read_lines(reading, 2) == ["2 missing", "after"]
    os.close(reading)
    os.close(writing)


def test_the_bytes_that_wait_are_bounded_too():
    reading, writing = os.pipe()
    fill(writing)
    queue = LogQueue(writing, str, bytes_max=1000)
    for _ in range(4):
        queue.put("x" * 400)
    assert queue.dropped == 2
    os.close(reading)
    queue.close()
    os.close(writing)


def test_what_is_dropped_last_is_said_at_the_end(tmp_path: Path):
    with (tmp_path / "log").open("w") as file:
        queue = LogQueue(file.fileno(), lambda missing: f"{missing} missing", bytes_max=8)
        queue.put("too long a line")
        queue.close()
    assert (tmp_path / "log").read_text() == "1 missing\n"


def test_a_process_whose_log_is_not_read_can_end():
    reading, writing = os.pipe()
    fill(writing)
    code = """
        from holdfast.observe.log_queue import LogQueue
        queue = LogQueue(2, str)
        queue.put("never read")
        queue.close(0.01)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stderr=writing, timeout=60)
    assert ran.returncode == 0
    os.close(reading)
    os.close(writing)


def test_a_service_log_writes_everything_before_it_is_closed_and_may_change_its_level():
    code = """
        from holdfast.observe.logs import ServiceLog
        log = ServiceLog("warning", "json")
        log.logger.info("unheard")
        log.set_level("info")
        for number in range(2000):
            log.logger.info(str(number))
        log.close()
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    lines = ran.stderr.splitlines()
    assert [line.split('"event":"')[1].split('"')[0] for line in lines] == [str(number) for number in range(2000)]

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from holdfast.app.hangups import Hangups, held_back


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_one_that_comes_before_there_is_anything_to_reload_is_kept():
    hangups, came = Hangups(), []
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)
    assert came == []
    hangups.listen(lambda: came.append("reload"))
    assert came == ["reload"]
    os.kill(os.getpid(), signal.SIGHUP)
    assert came == ["reload"] * 2


def test_a_process_that_is_being_started_is_not_ended_by_one():
    code = """
        import sys
        print("started", flush=True)
        sys.stdin.readline()
        from holdfast.app import hangups
        hangups.accept_none()
        print("lives", flush=True)
    """
    with held_back():
        started = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert started.stdout is not None
    assert started.stdout.readline() == "started\n"
    started.send_signal(signal.SIGHUP)
    said, _ = started.communicate("go on\n", timeout=60)
    assert (said, started.returncode) == ("lives\n", 0)
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, set())

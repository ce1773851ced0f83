import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from scripts.servers.daemon import Daemon

STARTER = """
import sys, time
from pathlib import Path
from scripts.servers.daemon import Daemon
folder = Path(sys.argv[1])
daemon = Daemon(["sleep", "1000"], folder, folder / "log")
print(daemon.pid, flush=True)
time.sleep(1000)
"""


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def until_gone(pid: int, folder: Path | None = None) -> bool:
    deadline = time.monotonic() + 20
    while runs(pid) or (folder is not None and folder.exists()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_server_ends_and_its_folder_goes_when_its_starter_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert runs(pid)
        assert folder.exists()
        starter.kill()
    assert until_gone(pid, folder)


def test_a_server_outlives_the_thread_that_started_it_and_keeps_its_folder_when_ended(tmp_path: Path) -> None:
    started: list[Daemon] = []
    thread = threading.Thread(
        target=lambda: started.append(Daemon(["sleep", "1000"], tmp_path, tmp_path / "log", ending="TERM"))
    )
    thread.start()
    thread.join()
    daemon = started[0]
    time.sleep(0.1)
    assert daemon.runs()
    daemon.end(signal.SIGTERM)
    assert not daemon.runs()
    assert not runs(daemon.pid)
    assert (tmp_path / "log").exists()


def test_a_server_that_ends_by_itself_is_noticed_and_its_last_words_are_kept(tmp_path: Path) -> None:
    daemon = Daemon(["sh", "-c", "echo no memory; exit 3"], tmp_path, tmp_path / "log", dict(os.environ))
    deadline = time.monotonic() + 20
    while daemon.runs() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not daemon.runs()
    assert daemon.last_words() == "no memory"
    daemon.end()

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.blobs.lock import StoreLock
from holdfast.model.errors import Unavailable


def hold_in_a_child(directory: Path, endpoint: str = "") -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from holdfast.blobs.lock import StoreLock\n"
        "lock = StoreLock(Path(sys.argv[1]))\n"
        "if sys.argv[2]: lock.announce(sys.argv[2])\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(directory), endpoint], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def test_a_second_process_is_refused_and_told_whom_to_ask(tmp_path: Path) -> None:
    child = hold_in_a_child(tmp_path, "https://backup.example:9220")
    with pytest.raises(
        Unavailable, match=rf"process {child.pid}.*https://backup\.example:9220: .*env --data {tmp_path}"
    ):
        StoreLock(tmp_path)
    end(child)


def test_who_serves_nobody_is_waited_for_and_no_address_is_made_up(tmp_path: Path) -> None:
    child = hold_in_a_child(tmp_path)
    with pytest.raises(Unavailable, match=rf"process {child.pid}, which serves no other: wait") as refused:
        StoreLock(tmp_path)
    assert "http" not in refused.value.message
    end(child)


def test_a_killed_holder_leaves_the_store_free(tmp_path: Path) -> None:
    end(hold_in_a_child(tmp_path))
    with StoreLock(tmp_path):
        assert (tmp_path / "lock").read_text().splitlines()[0] == str(os.getpid())


def test_a_closed_lock_lets_the_next_one_in(tmp_path: Path) -> None:
    first = StoreLock(tmp_path)
    with pytest.raises(Unavailable):
        StoreLock(tmp_path)
    first.close()
    first.close()
    StoreLock(tmp_path).close()


def test_a_directory_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot lock"):
        StoreLock(tmp_path / "missing")

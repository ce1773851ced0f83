"""No memory of a process that holds a root key is written anywhere by the kernel."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.serving import serving
from tests.service.workers import children

DUMPABLE = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"


@pytest.fixture(autouse=True)
def _cores_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is started here would leave a core dump, in `tmp_path`, if it did not forbid it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDFAST_DEBUG", raising=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard == 0:
        pytest.skip("core dumps are forbidden here for all processes")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def leaves_core(process: subprocess.Popen) -> bool:
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGABRT
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_service_that_crashes_leaves_no_core_dump_where_others_do(tmp_path: Path):
    other = subprocess.Popen([sys.executable, "-c", "print(flush=True); import time; time.sleep(600)"], stdout=-1)
    assert other.stdout is not None
    other.stdout.readline()
    if not leaves_core(other):
        pytest.skip("this kernel leaves no core dumps")
    other.stdout.close()
    with serving(tmp_path / "store") as service:
        assert not leaves_core(service.process)


def test_a_worker_forbids_its_own(tmp_path: Path):
    with serving(tmp_path / "store", "--workers", "2") as service:
        for pid in children(service.process.pid):
            limits = Path(f"/proc/{pid}/limits").read_text()
            [soft] = [line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size")]
            assert soft == "0"
        assert service.terminate() == 0


@pytest.mark.parametrize("debug", ["", "1"])
def test_what_a_command_starts_may_be_dumped_and_with_debug_the_command_too(debug: str):
    code = f"""if True:
        from holdfast.app import core_dumps
        import resource, subprocess, sys
        core_dumps.forbid()
        {DUMPABLE}
        print(resource.getrlimit(resource.RLIMIT_CORE)[0] == 0)
        sys.stdout.flush()
        subprocess.run([sys.executable, "-c", {DUMPABLE!r}])
    """
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "HOLDFAST_DEBUG": debug}
    )
    assert ran.stdout.split() == (["1", "False", "1"] if debug else ["0", "True", "1"])

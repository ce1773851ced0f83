"""What a program costs: wall clock, processor time and peak memory of its processes, read from the kernel."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """`peak_bytes` is the sum of each process's own peak of resident memory."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str], environment: dict[str, str], folder: Path, service_pid: int | None = None) -> Cost:
    """Run `command` in `folder` to its end; adds what it costs the process `service_pid`. Failure is fatal."""
    service_cpu = _cpu_seconds(service_pid) if service_pid else 0.0
    if service_pid:
        Path(f"/proc/{service_pid}/clear_refs").write_text("5")  # starts its peak anew
    began = time.monotonic()
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        peak = _Peak(process.pid)
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode:
        said = output.decode(errors="replace")[-2000:]
        raise SystemExit(f"bench: {' '.join(command)} failed with exit code {process.returncode}:\n{said}")
    cpu = usage.ru_utime + usage.ru_stime
    peak_bytes = peak.stop()
    if service_pid:
        cpu += _cpu_seconds(service_pid) - service_cpu
        peak_bytes += _peak_bytes(service_pid)
    return Cost(wall, cpu, peak_bytes)


class _Peak:
    """Asks for a process's high-water mark until it is gone. `ru_maxrss` would also count us, who forked it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._bytes

    def _poll(self) -> None:
        while not self._over.is_set():
            self._bytes = max(self._bytes, _peak_bytes(self._pid))
            self._over.wait(_POLL_SECONDS)


def _peak_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # it has ended
    return 0


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

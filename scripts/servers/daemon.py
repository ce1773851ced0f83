"""A server's process that never outlives the program that started it, however that one ends.

Between the two stands a shell that holds the reading end of a pipe. Only we hold the writing end: when it closes, as
we let go of it or were killed, the shell ends the server and removes its folder. A parent-death signal would
not do: the kernel sends it when the *thread* that started the server ends.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_KEEPER = """
exec 3<&0
"$@" 3<&- </dev/null >&2 &
server=$!
( while read -r _ <&3; do :; done; trap '' TERM; kill -"$ENDING" "$server"; exit 7 ) 2>/dev/null >&2 &
watcher=$!
echo "$server"
exec >/dev/null 2>&1
wait "$server"; status=$?
kill -TERM "$watcher" 2>/dev/null
wait "$watcher"
[ $? = 7 ] && rm -rf "$FOLDER"
exit "$status"
"""
_END_SECONDS_MAX = 30
_LOG_LINES_SHOWN = 5


class Daemon:
    """One run of a server; `folder` is removed with it when we are gone."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        ending: str = "KILL",
    ) -> None:
        """`ending` is the signal, by name, that ends the server when we are gone."""
        self._log = log
        kept = {**(environment or os.environ), "ENDING": ending, "FOLDER": str(folder)}
        with log.open("ab") as log_file:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=kept,
                start_new_session=True,  # Ctrl-C in a terminal is for us, and we end the server in order
            )
        assert self._keeper.stdout is not None
        self.pid = int(self._keeper.stdout.readline())
        self._keeper.stdout.close()

    def runs(self) -> bool:
        """Whether the server has not ended."""
        return self._keeper.poll() is None

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait until the server has ended; the folder stays."""
        if self.runs():
            os.kill(self.pid, how)
        self._keeper.wait(_END_SECONDS_MAX)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()

    def last_words(self) -> str:
        """The end of the log, for an error message."""
        lines = self._log.read_text(errors="replace").splitlines()
        return " / ".join(line.strip() for line in lines[-_LOG_LINES_SHOWN:])


def pause_until(deadline: float, what: str, daemon: Daemon) -> None:
    """Between two looks at whether a server is ready: raises when it has ended or the time is up."""
    if not daemon.runs():
        raise RuntimeError(f"{what} ended while it started: {daemon.last_words()}")
    if time.monotonic() > deadline:
        raise TimeoutError(f"{what} did not become ready: {daemon.last_words()}")
    time.sleep(0.01)

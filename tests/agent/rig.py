"""What the agent's tests share: runs against a real service, a transport that counts and fails, and trees compared."""

import os
import stat
import threading
from collections import Counter
from pathlib import Path

from holdfast.agent import backup, restore
from holdfast.agent.points import choose
from holdfast.agent.report import BackupReport, RestoreReport, Tally
from holdfast.app.build import System
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.transport import ClientReply, ClientRequest, Transport, body_bytes
from holdfast.model.clock import SystemClock
from holdfast.model.errors import Unavailable
from holdfast.server.gateway import Admitted, Gateway
from holdfast.wire.message import Response

SOURCE = "tree"


class Counting:
    """Wraps a transport: counts requests by method and path, and lets only `writes_left` more of them write."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.body_bytes = 0
        self.asked_first = 0
        self.writes_left = 10**9

    @property
    def host(self) -> bytes:
        return self._inner.host

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        parts = request.raw_path.decode().split("/")
        kind = f"{request.method} {parts[1]}" + "".join(f"/{part}" for part in parts[3:4] + parts[5:])
        with self._lock:
            self.requests[kind] += 1
            self.body_bytes += body_bytes(request.body)
            self.asked_first += expect
            if kind == "POST backup-jobs/objects" or (request.method == "PUT" and len(parts) > 3):
                self.writes_left -= 1
            if self.writes_left < 0:
                raise Unavailable("the network is down")
        return self._inner.send(request, expect=expect)

    def close(self) -> None:
        self._inner.close()


class Rig:
    """A service, and the agent beside it."""

    def __init__(self, system: System, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.skipped_bytes = 0
        self._watch_skipping(system.gateway)
        self.transport = Counting(InProcessTransport(system.gateway))
        self.credentials = Credentials(system.access_key.access_key_id, system.access_key.secret)
        self.api = Api(self.transport, self.credentials, sleep=lambda seconds: None, attempts_max=2)

    def _watch_skipping(self, gateway: Gateway) -> None:
        early = gateway.early

        def watched(admitted: Admitted) -> Response | None:
            answer = early(admitted)
            if answer is not None and answer.status == 200:
                self.skipped_bytes += admitted.content_length or 0
            return answer

        gateway.early = watched  # type: ignore[method-assign]

    def back_up(self, **options: object) -> BackupReport:
        """One backup of the tree; its report. Raises what ends a run."""
        tally = Tally(BackupReport())
        plan = backup.Plan(str(options.pop("path", self.tree)), SOURCE, **options)  # type: ignore[arg-type]
        try:
            backup.back_up(self.api, plan, tally, SystemClock())
        finally:
            self.last = tally.report
        return tally.report

    def restore(self, to: str = "out", point: str = "latest", **options: object) -> RestoreReport:
        """One restore into `to`; its report."""
        tally = Tally(RestoreReport())
        arn = choose(self.api, SOURCE, point, None).recovery_point_arn
        plan = restore.Plan(arn, str(self.folder / to), **options)  # type: ignore[arg-type]
        restore.restore(self.api, plan, tally, SystemClock())
        return tally.report

    @property
    def out(self) -> Path:
        return self.folder / "out"


def described(root: Path | str) -> dict[bytes, tuple[object, ...]]:
    """Everything of a tree that a restore promises, by relative path."""
    top = os.fsencode(root)
    found = {b".": _one(top)}
    for folder, folders, files in os.walk(top):
        for leaf in (*folders, *files):
            path = os.path.join(folder, leaf)
            found[os.path.relpath(path, top)] = _one(path)
    return found


def _one(path: bytes) -> tuple[object, ...]:
    status = os.lstat(path)
    contents: object = None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            contents = file.read() if status.st_size < 2**28 else status.st_size
    elif stat.S_ISLNK(status.st_mode):
        contents = os.readlink(path)
    xattrs = {}
    if not stat.S_ISLNK(status.st_mode):
        xattrs = {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.")}
    return status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, contents, xattrs

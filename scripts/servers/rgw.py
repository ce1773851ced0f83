"""A Ceph RADOS Gateway of one's own: a real S3 server on the loopback, gone with whoever started it.

Ceph comes out of Debian's packages, unpacked and not installed. One monitor, one object store daemon that keeps all in
memory and one gateway are the smallest cluster there is; it answers in about a second.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Self

from scripts.servers.daemon import Daemon, pause_until
from scripts.servers.debian import library_path, unpacked
from scripts.servers.not_here import NotHere
from scripts.servers.ports import free_port

_PACKAGES = ["ceph-mon", "ceph-osd", "radosgw", "ceph-common"]
_CLASSES = "usr/lib/*/rados-classes"
_START_SECONDS_MAX = 60
_REGION = "us-east-1"

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
# nobody signs here, and a client that asks for encrypted talk with the monitor gets no answer
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
log file =
log to stderr = true
err to stderr = true
mon cluster log to stderr = false
mon cluster log file = /dev/null
admin socket =
run dir = {folder}
crash dir = {folder}
plugin dir = {libraries}/ceph
erasure code dir = {libraries}/ceph/erasure-code
osd class dir = {libraries}/rados-classes
# one copy, on the only daemon there is
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 10000

[mon]
mon data = {folder}/mon
# a change of the cluster's map is agreed upon at once; a pool would take seconds each
paxos propose interval = 0.01
paxos min wait = 0.01
mon data avail warn = 0
mon data avail crit = 0

[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {bytes_max}
osd crush update on start = false
osd client watch timeout = 5
osd max pg log entries = 500
osd min pg log entries = 100

[client.rgw]
rgw data = {folder}/rgw
# an answer goes out in two segments; the second must not wait until the client confirmed the first
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
rgw run sync thread = false
rgw dynamic resharding = false
# a gateway that was killed is soon forgotten; until then each change of a bucket waits for its answer
client notify timeout = 1
rgw max notify retries = 0
objecter tick interval = 1
rgw override bucket index max shards = 1
# what was deleted frees its memory within a minute or two, not within hours
rgw gc obj min wait = 60
rgw gc processor period = 60
"""


def ceph() -> Path:
    """The folder that holds Ceph, fetched when it is not there yet."""
    return unpacked("ceph", _PACKAGES, _CLASSES)


class RadosGateway:
    """An S3 server with one user; any number of them run side by side."""

    region = _REGION

    def __init__(self, bytes_max: int = 8 << 30) -> None:
        """`bytes_max` is where the store is full; it takes twice the memory of what it holds, and no more."""
        self._bytes_max = bytes_max
        self.access_key = secrets.token_hex(10).upper()
        self.secret_key = secrets.token_hex(20)
        self.endpoint = ""
        self._daemons: list[Daemon] = []
        self._gateway: Daemon | None = None
        self._client: Any = None

    def __enter__(self) -> Self:
        tree = ceph()
        self._programs = tree / "usr" / "bin"
        self._environment = {**os.environ, "LD_LIBRARY_PATH": library_path(tree), "LC_ALL": "C"}
        # Not below a test's own folder: the paths of its sockets are at most 107 bytes long.
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-rgw-"))
        try:
            self._start_cluster(tree)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        if self._gateway is not None:
            self.stop()
        while self._daemons:
            self._daemons.pop().end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self) -> Any:
        """The boto3 client with the user's keys; threads may share it."""
        if self._client is None:
            import boto3
            from botocore.config import Config

            self._client = boto3.client(
                "s3",
                endpoint_url=self.endpoint,
                region_name=self.region,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                config=Config(s3={"addressing_style": "path"}),
            )
        return self._client

    def new_bucket(self) -> str:
        """Make an empty bucket; its name."""
        name = f"t{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def drop_bucket(self, name: str) -> None:
        """Remove a bucket with all that is in it, unfinished uploads included."""
        client = self.client()
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for upload in page.get("Uploads", []):
                client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            if found := [{"Key": one["Key"]} for one in page.get("Contents", [])]:
                client.delete_objects(Bucket=name, Delete={"Objects": found, "Quiet": True})
        client.delete_bucket(Bucket=name)

    def start(self) -> None:
        """Start the gateway, also again after a stop, on the same port; returns when it answers."""
        assert self._gateway is None, "it runs already"
        self._gateway = self._daemon("radosgw", "client.rgw", "-f")
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not self._answers():
            pause_until(deadline, "the gateway", self._gateway)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop the gateway alone; what is stored stays with the cluster behind it."""
        assert self._gateway is not None, "it does not run"
        gateway, self._gateway = self._gateway, None
        gateway.end(how)

    def pids(self) -> list[int]:
        """The processes of the cluster and the gateway."""
        return [daemon.pid for daemon in [*self._daemons, *filter(None, [self._gateway])]]

    def _start_cluster(self, tree: Path) -> None:
        folder, fsid, mon_port, port = self._folder, str(uuid.uuid4()), free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self._settings = folder / "ceph.conf"
        libraries = next(tree.glob(_CLASSES))
        self._settings.write_text(
            _CONFIGURATION.format(
                fsid=fsid,
                mon_port=mon_port,
                port=port,
                folder=folder,
                libraries=libraries.parent,
                bytes_max=self._bytes_max,
            )
        )
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        monmap, osdmap = str(folder / "monmap"), str(folder / "osdmap")
        # Without a map that names it, the monitor looks for its peers for ever; with a map of one daemon, the daemon
        # needs no admission by a command.
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", monmap)
        self._run("osdmaptool", "-c", str(self._settings), "--createsimple", "1", "--clobber", osdmap)
        self._run("ceph-mon", *self._named("mon.a"), "--mkfs", "--monmap", monmap, "--osdmap", osdmap)
        self._daemons.append(self._daemon("ceph-mon", "mon.a", "-f"))
        self._run("ceph-osd", *self._named("osd.0"), "--mkfs", "--osd-uuid", str(uuid.uuid4()))
        self._daemons.append(self._daemon("ceph-osd", "osd.0", "-f"))
        self._run(
            "radosgw-admin", *self._named("client.rgw"), "user", "create", "--uid", "holdfast",
            "--display-name", "holdfast", "--access-key", self.access_key, "--secret-key", self.secret_key,
        )  # fmt: skip
        self.start()

    def _named(self, name: str) -> list[str]:
        return ["--name", name, "--conf", str(self._settings)]

    def _daemon(self, program: str, name: str, *words: str) -> Daemon:
        command = [str(self._programs / program), *self._named(name), *words]
        return Daemon(command, self._folder, self._folder / f"{program}.log", self._environment)

    def _run(self, program: str, *words: str) -> None:
        ran = subprocess.run(
            [str(self._programs / program), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_SECONDS_MAX,
        )
        if ran.returncode:
            raise NotHere(f"{program} failed: {' / '.join(ran.stderr.splitlines()[-3:])}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.endpoint, timeout=5):  # noqa: S310 - our own http address
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

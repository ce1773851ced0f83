import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.access import credentials_file
from holdfast.app.build import System
from holdfast.app.config import ServeOptions, StoreOptions
from holdfast.app.listener import beside, bind, hold, url
from holdfast.app.numbers_directory import NumbersDirectory
from holdfast.app.restarts import SETTLED_SECONDS, Restarts
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.app.worker_channel import (
    Alive,
    Buried,
    Ready,
    Refused,
    Start,
    Stop,
    Writing,
    encode,
    from_worker,
    to_worker,
)
from holdfast.blobs.s3_options import S3Options
from holdfast.catalog import writers
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.endpoint import parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.networks import Networks
from holdfast.observe import worker_numbers
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.server.tls import Tls
from tests.service.workers import is_alive, wait_until

ROLE = "arn:aws:iam::000000000000:role/backup"


def test_a_worker_that_dies_soon_waits_longer_each_time_and_one_that_had_lived_does_not() -> None:
    restarts, pauses = Restarts(), []
    for _ in range(9):
        restarts = restarts.after(0.1)
        pauses.append(restarts.pause_seconds)
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert restarts.after(SETTLED_SECONDS).pause_seconds == 0


def test_a_service_that_is_being_started_gives_up_and_one_that_serves_does_not() -> None:
    restarts = Restarts()
    for deaths in range(1, 7):
        restarts = restarts.after(0.1)
        many = deaths >= 5
        assert restarts.is_hopeless(announced=False, others_serve=True, says_why=False) is many
        assert restarts.is_hopeless(announced=False, others_serve=True, says_why=True)
        assert not restarts.is_hopeless(announced=True, others_serve=True, says_why=True)
        assert restarts.is_hopeless(announced=True, others_serve=False, says_why=True) is many


def test_options_arrive_as_they_were_sent() -> None:
    store = StoreOptions(
        Path("/srv/store"),
        catalog=PostgresOptions("postgresql://user:word@host/base"),
        bucket=S3Options("bucket", "a/b", secret_access_key="secret", access_key_id="id"),
        unlock=Unlock(PassphraseSource(file=Path("/run/phrase"), text="phrase \n with a line")),
        root_key_file=Path("/run/root.key"),
    )
    options = ServeOptions(
        store,
        "::1",
        9220,
        Tls(Path("/a.pem"), Path("/b.pem")),
        trusted_proxies=Networks.parse("10.0.0.0/8,::1"),
        workers=3,
        log_level="debug",
    )
    line = encode(Start(options, 2, 77, (5, 6), Path("/dev/shm/numbers")))
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert to_worker(line) == Start(options, 2, 77, (5, 6), Path("/dev/shm/numbers"))


def test_everything_else_that_is_said_arrives_too() -> None:
    for ordered in (Buried([3, 4]), Stop(at_once=True)):
        assert to_worker(encode(ordered)) == ordered
    for said in (Writing(7), Ready(), Alive(), Refused("so it is")):
        assert from_worker(encode(said)) == said


def test_several_sockets_may_listen_where_one_holds_the_address_and_nobody_else_may(tmp_path: Path) -> None:
    options = ServeOptions(StoreOptions(tmp_path), port=0)
    with hold(options) as held:
        port = held.getsockname()[1]
        assert url(options, held) == f"http://127.0.0.1:{port}"
        # Holding is not listening.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=120)
        with beside(held) as one, beside(held) as other:
            one.listen()
            other.listen()
            for refused in (hold, bind):
                with pytest.raises(Unavailable, match=str(port)):
                    refused(ServeOptions(StoreOptions(tmp_path), port=port))
            one.close()
            # Whoever comes when one is gone meets the other.
            with socket.create_connection(("127.0.0.1", port), timeout=120):
                other.accept()[0].close()


TIED = """
    import socket, sys, time
    from holdfast.app.worker_channel import Ready
    from holdfast.app.worker_tie import Tie
    tie = Tie(socket.socket(fileno=int(sys.argv[1])), alive_seconds=0.1)
    tie.start()
    tie.send(Ready())
    while True:
        for number in tie.buried():
            print(number, flush=True)
        time.sleep(0.05)
"""


def test_a_worker_says_that_it_lives_hears_what_it_is_told_and_ends_with_the_connection(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", textwrap.dedent(TIED), str(theirs.fileno())]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True) as tied:
        theirs.close()
        start = encode(Start(ServeOptions(StoreOptions(tmp_path)), 1, os.getpid(), (0,), tmp_path))
        # The lines come in whatever pieces.
        ours.sendall(start[:100])
        ours.sendall(start[100:] + encode(Buried([4])) + encode(Buried([5, 6]))[:5])
        ours.sendall(encode(Buried([5, 6]))[5:])
        assert tied.stdout is not None
        assert [tied.stdout.readline() for _ in range(3)] == ["4\n", "5\n", "6\n"]
        with ours.makefile("rb") as lines:
            assert [from_worker(lines.readline()) for _ in range(3)] == [Ready(), Alive(), Alive()]
        ours.close()
        assert tied.wait(120) == 1


@pytest.mark.timeout(120)
def test_a_worker_that_outlives_its_supervisor_is_refused_by_the_next_service_and_ends(tmp_path: Path) -> None:
    # This test is the supervisor, and holds no lock, as if it had lost it.
    options = ServeOptions(StoreOptions(tmp_path / "store"), port=0, workers=2, log_level="error")
    log = open_log("error", "json", io.StringIO())
    System(options.store, Metrics(), log, background=False).close()
    with hold(options) as held, beside(held) as listener, closing(NumbersDirectory(2, tmp_path)) as numbers:
        ours, theirs = socket.socketpair()
        worker = subprocess.Popen(
            [sys.executable, "-m", "holdfast.app.worker_process", str(theirs.fileno())],
            pass_fds=[theirs.fileno(), listener.fileno()],
            env={**os.environ, worker_numbers.DIRECTORY_VARIABLE: str(numbers.path)},
        )
        theirs.close()
        ours.sendall(encode(Start(options, 1, os.getpid(), (listener.fileno(),), numbers.path)))
        with ours, ours.makefile("rb") as lines:
            said = [from_worker(lines.readline())]
            while not isinstance(said[-1], Ready):
                said.append(from_worker(lines.readline()))
            assert isinstance(said[0], Writing)
            api = _api(url(options, held), tmp_path / "store")
            job_id = api.start_backup_job(
                "default", source_arn("home"), "arn:aws:iam::000000000000:role/b"
            ).backup_job_id
            api.put_object(job_id, "before", b"before", checksum.digest(b"before"))
            with closing(System(options.store, Metrics(), log, background=False)) as next_service:
                for number in range(3):
                    with pytest.raises(HoldfastError):
                        api.put_object(job_id, f"after{number}", b"after", checksum.digest(b"after"))
                assert worker.wait(120) == 1
                while not isinstance(said[-1], Refused):
                    said.append(from_worker(lines.readline()))
                with next_service.catalog.snapshot() as tx:
                    assert list(writers.live(tx)) == [next_service.writer.number]
                    assert tx.all("SELECT name FROM objects") == [("before",)]
            api.close()


def _api(address: str, store: Path) -> Api:
    key = credentials_file.read(store / "credentials")
    transport = HttpTransport(parse_endpoint(address, "the test"))
    return Api(transport, Credentials(key.access_key_id, key.secret), attempts_max=1)


def test_a_directory_of_numbers_goes_with_its_owner_or_with_the_next(tmp_path: Path) -> None:
    code = f"""
        import pathlib, time
        from holdfast.app.numbers_directory import NumbersDirectory
        print(NumbersDirectory(1, pathlib.Path({str(tmp_path)!r})).path, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        left = Path(owner.stdout.readline().strip())
        beside_it = NumbersDirectory(2, tmp_path)
        assert left.is_dir(), "its owner lives"
        owner.send_signal(signal.SIGKILL)
        wait_until(lambda: not is_alive(owner.pid), "it was killed")
    sizes = {path.stat().st_size for worker in (1, 2) for path in worker_numbers.files(beside_it.path, worker)}
    assert sizes == {worker_numbers.FILE_BYTES}
    latest = NumbersDirectory(1, tmp_path)
    assert not left.exists()
    beside_it.close()
    latest.close()
    assert list(tmp_path.iterdir()) == []


def test_without_room_for_the_numbers_it_is_said_where_room_is_wanting(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"{tmp_path}/none.*3 workers"):
        NumbersDirectory(3, tmp_path / "none")

"""`holdfast serve --workers N`, as people start and stop it."""

import base64
import hashlib
import http.client
import io
import os
import signal
import socket
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.catalog import freezes
from holdfast.model.purpose import Purpose
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from tests.cli.serving import holdfast, serving, wait_for
from tests.cli.test_serve import call, refuses, request
from tests.service.workers import children, numbers

ROLE = "arn:aws:iam::000000000000:role/backup"
UPLOADS = 6


@pytest.mark.timeout(120)
@pytest.mark.parametrize("everybody", [False, True], ids=["the supervisor is told", "all processes are told"])
def test_on_sigterm_every_worker_answers_what_is_under_way(tmp_path: Path, everybody: bool) -> None:
    data = tmp_path / "store"
    with serving(data, "--workers", "2") as service, ExitStack() as stack:
        arn = "arn:aws:holdfast:local:000000000000:source/drained"
        start = f'{{"BackupVaultName":"default","ResourceArn":"{arn}","IamRoleArn":"{ROLE}"}}'
        job = call(service, data, "PUT", "/backup-jobs", start.encode())["BackupJobId"]
        begun: list[tuple[socket.socket, bytes]] = []
        for number in range(UPLOADS):
            upload = call(service, data, "PUT", f"/backup-jobs/{job}/object/{number}", b"{}")["UploadId"]
            body = os.urandom(1_000_000)
            digest = quote(base64.b64encode(hashlib.sha256(body).digest()), safe="")
            target = (
                f"/backup-jobs/{job}/chunk/{upload}/0?length={len(body)}&checksum={digest}&checksum-algorithm=SHA256"
            )
            raw = request(service, data, "PUT", target, body)
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=120))
            sock.sendall(raw[:-500_000])
            begun.append((sock, raw[-500_000:]))
        wait_for(lambda: numbers(service.url)["holdfast_bodies_in_flight"] == UPLOADS, 30)
        told = children(service.process.pid) if everybody else []
        for pid in [service.process.pid, *told]:
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: refuses(service.port), 30)
        for sock, rest in begun:
            sock.sendall(rest)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            assert answer.status == 200, answer.read()
            answer.read()
        assert service.process.wait(120) == 0


@pytest.mark.timeout(120)
def test_asked_twice_it_stops_at_once(tmp_path: Path) -> None:
    data = tmp_path / "store"
    with serving(data, "--workers", "2") as service:
        begun = [socket.create_connection(("127.0.0.1", service.port), timeout=120) for _ in range(8)]
        for sock in begun:
            # A head that never ends.
            sock.sendall(b"GET / HTTP/1.1\r\n")
        service.process.terminate()
        wait_for(lambda: refuses(service.port), 30)
        service.process.terminate()
        assert service.process.wait(120) == 0
        for sock in begun:
            sock.close()


def test_a_store_that_moves_elsewhere_is_served_to_readers(tmp_path: Path) -> None:
    options = StoreOptions(tmp_path / "store")
    with closing(System(options, Metrics(), open_log("error", "json", io.StringIO()), background=False)) as system:
        system.catalog.run([lambda tx: freezes.place(tx, "it moves", 1)], Purpose.BEGIN)
    with serving(tmp_path / "store", "--workers", "2") as service:
        assert holdfast("vault", "list", environ=service.environ(tmp_path / "store")).returncode == 0
        assert service.terminate() == 0


def test_a_second_service_on_the_store_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with serving(tmp_path / "store", "--workers", "2") as service:
        for workers in ("1", "2"):
            refused = holdfast(
                "serve", "--data", str(tmp_path / "store"), "--listen", "127.0.0.1:0", "--workers", workers
            )
            assert refused.returncode == 1
            assert service.url in refused.stderr and str(service.process.pid) in refused.stderr
        assert service.terminate() == 0


def test_an_address_that_somebody_serves_is_refused_even_to_other_workers(tmp_path: Path) -> None:
    with serving(tmp_path / "store", "--workers", "2") as service:
        address = f"127.0.0.1:{service.port}"
        for workers in ("1", "2"):
            other = str(tmp_path / f"other{workers}")
            refused = holdfast("serve", "--data", other, "--listen", address, "--workers", workers)
            assert refused.returncode == 1
            assert address in refused.stderr and "--listen" in refused.stderr
        assert service.terminate() == 0


def test_what_keeps_a_worker_from_starting_is_said_once_and_ends_the_service(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    words = ["--listen", "127.0.0.1:0", "--workers", "2", "--tls-cert", missing, "--tls-key", missing]
    refused = holdfast("serve", "--data", str(tmp_path / "store"), *words)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count(missing) >= 1 and "Traceback" not in refused.stderr


def test_a_pass_phrase_is_handed_on_and_stands_on_no_command_line(tmp_path: Path) -> None:
    phrase = "nobody else may read this"
    file = tmp_path / "phrase"
    file.write_text(phrase)
    with serving(tmp_path / "store", "--workers", "2", "--passphrase-file", str(file)) as service:
        # The workers have their keys; and one that is started later is opened by the same words.
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(service.process.pid)]
        assert len(lines) == 2 and not any(phrase.encode() in line for line in lines)
        assert holdfast("vault", "list", environ=service.environ(tmp_path / "store")).returncode == 0
        assert service.terminate() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
def test_nothing_is_left_behind_in_memory(tmp_path: Path) -> None:
    def directories() -> set[Path]:
        return set(Path("/dev/shm").glob("holdfast-workers-*"))

    with serving(tmp_path / "store", "--workers", "2") as service:
        environ = Path(f"/proc/{children(service.process.pid)[0]}/environ").read_text()
        own = {path for path in directories() if str(path) in environ}
        assert len(own) == 1
        assert service.terminate() == 0
    assert not own & directories()

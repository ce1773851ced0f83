"""A running service and what happens around it: SIGHUP, a certificate that is renewed, a log that is not read."""

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.serving import Service, serving, wait_for
from tests.cli.test_serve import call, request
from tests.observe.test_log_queue import fill, skip
from tests.server.certificates import write_pair
from tests.service.workers import children


def events(service: Service, name: str) -> list[dict]:
    found = (json.loads(line) for line in service.log.read_text().splitlines())
    return [event for event in found if event["event"] == name]


def shown(service: Service) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", service.port), timeout=20))


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [1, 2])
def test_on_sighup_a_renewed_certificate_and_the_log_level_are_taken_over_and_the_rest_is_named(
    tmp_path: Path, workers: int
):
    tls, other = write_pair(tmp_path), write_pair(tmp_path, name="other")
    config = tmp_path / "holdfast.toml"
    config.write_text(
        f'tls_cert = "{tls.certificate}"\ntls_key = "{tls.key}"\nlog_level = "error"\nworkers = {workers}\n'
    )
    with serving(tmp_path / "store", "--config", str(config)) as service:
        assert shown(service) == der(tls.certificate)
        # Half of a renewal: what cannot be used changes nothing.
        shutil.copy(other.certificate, tls.certificate)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: events(service, "the new certificate cannot be used, the one before stays"), 30)
        assert shown(service) != der(other.certificate)
        shutil.copy(other.key, tls.key)
        config.write_text(config.read_text().replace('"error"', '"info"') + "threads = 7\n")
        # As `pkill -HUP` and a terminal that closes have it: to all processes at once.
        for pid in [*(children(service.process.pid) if workers > 1 else []), service.process.pid]:
            os.kill(pid, signal.SIGHUP)
        renewed = 1 if workers == 1 else 1 + workers
        wait_for(lambda: len(events(service, "the certificate is renewed")) == renewed, 30)
        assert shown(service) == der(other.certificate)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: events(service, "reloading"), 30)
        assert events(service, "reloading")[-1]["takes_a_restart"] == ["threads"]
        config.write_text("threads = 'many'\n")
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: events(service, "nothing was reloaded"), 30)
        assert "threads" in events(service, "nothing was reloaded")[-1]["reason"]
        assert service.terminate() == 0


def test_on_sighup_a_request_under_way_is_answered(tmp_path: Path):
    data = tmp_path / "store"
    with serving(data) as service:
        start = {"BackupVaultName": "default", "ResourceArn": "arn:aws:x:y:1:z", "IamRoleArn": "arn:aws:iam::1:role/r"}
        job = call(service, data, "PUT", "/backup-jobs", json.dumps(start).encode())["BackupJobId"]
        upload = call(service, data, "PUT", f"/backup-jobs/{job}/object/o", b"{}")["UploadId"]
        body = b"x" * 1_000_000
        checksum = quote(base64.b64encode(hashlib.sha256(body).digest()).decode(), safe="")
        query = f"checksum={checksum}&checksum-algorithm=SHA256&length={len(body)}"
        raw = request(service, data, "PUT", f"/backup-jobs/{job}/chunk/{upload}/0?{query}", body)
        with socket.create_connection(("127.0.0.1", service.port), timeout=120) as sock:
            sock.sendall(raw[:-500_000])
            service.process.send_signal(signal.SIGHUP)
            wait_for(lambda: events(service, "reloading"))
            sock.sendall(raw[-500_000:])
            with closing(http.client.HTTPResponse(sock)) as response:
                response.begin()
                assert response.status == 200
                response.read()
        assert service.terminate() == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_log_that_is_not_read_stops_no_request_and_nothing_of_it_is_lost_at_a_normal_stop(
    tmp_path: Path, workers: str
):
    reading, writing = os.pipe()
    filled = fill(writing)
    data = tmp_path / "store"
    command = [sys.executable, "-m", "holdfast", "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--workers", workers], stdout=subprocess.PIPE, stderr=writing, text=True, start_new_session=True
    )
    os.close(writing)
    try:
        assert process.stdout is not None
        ready = re.fullmatch(r"holdfast: listening on (\S+)\n", process.stdout.readline())
        assert ready
        service = Service(process, ready[1], data)
        for _ in range(20):
            call(service, data, "GET", "/backup-vaults")
        with urllib.request.urlopen(f"{service.url}/metrics") as page:
            assert b"\nholdfast_dropped_log_lines 0.0\n" in page.read()
        skip(reading, filled)
        process.terminate()
        with os.fdopen(reading) as log:
            told = [json.loads(line)["event"] for line in log]
        assert process.wait(120) == 0
        assert told.count("request") == 20
        assert told[-1] == "stopped"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

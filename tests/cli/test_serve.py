import configparser
import datetime
import hashlib
import http.client
import ipaddress
import json
import socket
import ssl
import stat
import urllib.request
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.model.clock import SystemClock
from holdfast.sigv4.sign import sign
from tests.cli.serving import Service, holdfast, serving, wait_for


def request(service: Service, data: Path, method: str, target: str, body: bytes = b"") -> bytes:
    """A signed request, whole, as it goes over the wire."""
    keys = configparser.ConfigParser(interpolation=None)
    keys.read(data / "credentials")
    raw_path, _, query = target.encode().partition(b"?")
    given = [(b"host", b"x")]
    unsigned = "/chunk/" in target
    digest = "UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(body).hexdigest()
    who = keys["default"]
    scope = "backup-storage" if "/object/" in target or unsigned else "backup"
    key, secret = who["aws_access_key_id"], who["aws_secret_access_key"]
    now = SystemClock().now_us()
    added = sign(method, raw_path, query, given, digest, key, secret, None, "r", scope, now)
    length = (b"content-length", str(len(body)).encode())
    lines = [f"{method} {target} HTTP/1.1".encode()] + [b": ".join(pair) for pair in (*given, *added, length)]
    return b"\r\n".join([*lines, b"", body])


def call(service: Service, data: Path, method: str, target: str, body: bytes = b"") -> dict[str, str]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=120) as sock:
        sock.sendall(request(service, data, method, target, body))
        response = http.client.HTTPResponse(sock)
        response.begin()
        assert response.status == 200, response.read()
        return json.loads(response.read())


def test_the_first_start_says_where_it_listens_and_keeps_its_keys_private(tmp_path: Path):
    data = tmp_path / "store"
    with serving(data) as service:
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE((data / "credentials").stat().st_mode) == 0o600
        for page in ("live", "ready"):
            with urllib.request.urlopen(f"{service.url}/health/{page}") as answer:
                assert answer.status == 200
        listed = holdfast("vault", "list", "--json", environ=service.environ(data))
        assert [vault["BackupVaultName"] for vault in json.loads(listed.stdout)] == ["default"]
        assert service.terminate() == 0
    secret = configparser.ConfigParser(interpolation=None)
    secret.read(data / "credentials")
    log = service.log.read_text()
    assert secret["default"]["aws_secret_access_key"] not in log
    assert "Signature=" not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert [event["event"] for event in events] == ["ready", "request", "stopped"]


def test_a_second_service_on_the_same_store_is_refused_and_told_where_the_first_is(tmp_path: Path):
    with serving(tmp_path / "store") as service:
        second = holdfast("serve", "--data", str(tmp_path / "store"), "--listen", "127.0.0.1:0")
        assert second.returncode == 1
        assert service.url in second.stderr
        assert str(service.process.pid) in second.stderr
        assert second.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_named(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = holdfast("serve", "--data", str(tmp_path / "store"), "--listen", address)
    assert refused.returncode == 1
    assert f"cannot listen on {address}" in refused.stderr


def test_listening_beyond_loopback_without_tls_is_a_usage_error(tmp_path: Path):
    refused = holdfast("serve", "--data", str(tmp_path / "store"), "--listen", "0.0.0.0:0")
    assert refused.returncode == 2
    assert "--insecure-http" in refused.stderr
    assert not (tmp_path / "store").exists()


def test_sigterm_in_the_middle_of_an_upload_lets_it_finish_durably(tmp_path: Path):
    data = tmp_path / "store"
    with serving(data) as service:
        job = json.dumps(
            {"BackupVaultName": "default", "ResourceArn": "arn:aws:x:y:1:z", "IamRoleArn": "arn:aws:iam::1:role/r"}
        )
        job_id = call(service, data, "PUT", "/backup-jobs", job.encode())["BackupJobId"]
        upload = call(service, data, "PUT", f"/backup-jobs/{job_id}/object/o", b"{}")["UploadId"]
        body = b"x" * 1_000_000
        from urllib.parse import quote

        checksum = quote(__import__("base64").b64encode(hashlib.sha256(body).digest()).decode(), safe="")
        target = (
            f"/backup-jobs/{job_id}/chunk/{upload}/0?checksum={checksum}&checksum-algorithm=SHA256&length={len(body)}"
        )
        raw = request(service, data, "PUT", target, body)
        with socket.create_connection(("127.0.0.1", service.port), timeout=120) as sock:
            sock.sendall(raw[:-500_000])
            wait_for(lambda: "holdfast_bodies_in_flight 1.0" in numbers(service))
            service.process.terminate()
            wait_for(lambda: refuses(service.port))
            sock.sendall(raw[-500_000:])
            response = http.client.HTTPResponse(sock)
            response.begin()
            assert response.status == 200
            response.read()
        assert service.process.wait(120) == 0


def numbers(service: Service) -> str:
    with urllib.request.urlopen(f"{service.url}/metrics") as page:
        return page.read().decode()


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return cert_file, key_file


def test_tls_is_spoken_with_the_given_certificate(tmp_path: Path, certificate: tuple[Path, Path]):
    cert, key = certificate
    data = tmp_path / "store"
    with serving(data, "--tls-cert", str(cert), "--tls-key", str(key)) as service:
        assert service.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"{service.url}/health/ready", context=trust) as answer:
            assert answer.status == 200
        environ = {**service.environ(data), "AWS_CA_BUNDLE": str(cert)}
        listed = holdfast("vault", "list", environ=environ)
        assert listed.returncode == 0, listed.stderr
        assert "default" in listed.stdout
        assert service.terminate() == 0


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, certificate: tuple[Path, Path]):
    missing = str(tmp_path / "none.pem")
    refused = holdfast(
        "serve", "--data", str(tmp_path / "s"), "--listen", "127.0.0.1:0", "--tls-cert", missing, "--tls-key", missing
    )
    assert refused.returncode == 1
    assert missing in refused.stderr
    assert "Traceback" not in refused.stderr

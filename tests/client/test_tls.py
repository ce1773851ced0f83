"""The HTTP transport over TLS: the same behaviour, and only with a certificate that is trusted."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.client.endpoint import Endpoint, parse_endpoint
from holdfast.client.http import HttpTransport
from holdfast.client.transport import ClientReply, ClientRequest
from holdfast.model.errors import InvalidInput, Unavailable
from tests.client.raw_server import RawServer, Talk


def certificate(folder: Path) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "holdfast test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return str(folder / "cert.pem"), str(folder / "key.pem")


class Secured:
    """Turns behaviours of a plain connection into those of a TLS one."""

    def __init__(self, folder: Path) -> None:
        self.bundle, key = certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.bundle, key)
        self.bodies: list[bytes] = []

    def __call__(self, talk: Talk) -> None:
        try:
            with self._context.wrap_socket(talk.socket, server_side=True) as sock:
                self._serve(Talk(sock))
        except ssl.SSLError:
            return  # a client that does not trust us has gone

    def _serve(self, talk: Talk) -> None:
        while head := talk.head():
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            if b"expect" in head:
                if b"skip" in head:
                    talk.reply("200 OK", b"skipped")
                    self.bodies.append(talk.rest())
                    return
                talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.bodies.append(talk.body(length))
            talk.reply("200 OK", b"x" * 300_000)


def secure(endpoint: Endpoint) -> Endpoint:
    return parse_endpoint(f"https://127.0.0.1:{endpoint.port}", "the test")


def put(transport: HttpTransport, path: bytes, body: bytes, *, expect: bool = False) -> ClientReply:
    return transport.send(ClientRequest("PUT", path, b"", ((b"host", transport.host),), body), expect=expect)


def test_requests_travel_over_tls_as_over_plain_connections(tmp_path: Path) -> None:
    secured = Secured(tmp_path)
    with RawServer(secured) as server:
        transport = HttpTransport(secure(server.endpoint), ca_bundle=secured.bundle)
        for body in (b"small", b"y" * 5_000_000, b""):
            assert bytes(put(transport, b"/", body).body) == b"x" * 300_000
        assert put(transport, b"/", b"z" * 70_000, expect=True).status == 200
        assert server.connections == 1
        assert bytes(put(transport, b"/skip", b"z" * 70_000, expect=True).body) == b"skipped"
        transport.close()
    assert secured.bodies == [b"small", b"y" * 5_000_000, b"", b"z" * 70_000, b""]


def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with RawServer(Secured(tmp_path)) as server:
        transport = HttpTransport(secure(server.endpoint))
        with pytest.raises(Unavailable, match="AWS_CA_BUNDLE"):
            put(transport, b"/", b"secret")


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    for bundle in (tmp_path / "absent.pem", tmp_path):
        with pytest.raises(InvalidInput, match="name a PEM file"):
            HttpTransport(parse_endpoint("https://h", "the test"), ca_bundle=str(bundle))

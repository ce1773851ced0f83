"""The certificate that a service shows, which may be renewed while it serves.

Invariants: a pair of files is shown only after it was loaded whole, certificate and key together; a pair that cannot be
used changes nothing; connections that stand keep what they were shown.
"""

import datetime
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import CERTIFICATE_DAYS_LEFT_WARN
from holdfast.server.tls import Tls

# Forward secrecy and authenticated encryption, also where a client knows no TLS 1.3.
_TLS_1_2_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_DAY_US = 24 * 3600 * 1_000_000


class _Encrypted(Exception):
    """OpenSSL asks for a pass phrase."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key that were loaded together."""

    tls: Tls
    context: ssl.SSLContext
    valid_from: datetime.datetime
    valid_until: datetime.datetime
    fingerprint: bytes
    key_mode: int
    """Permissions of the key's file."""

    def doubts(self, now_us: int) -> list[tuple[str, str]]:
        """What speaks against it, each with a remedy: a service runs with it, and its clients may refuse it."""
        found = []
        now = datetime.datetime.fromtimestamp(now_us / 1_000_000, datetime.UTC)
        left_us = (self.valid_until - now) // datetime.timedelta(microseconds=1)
        if left_us < 0:
            found.append((f"{self.tls.certificate} expired on {self.valid_until.isoformat()}", "renew it"))
        elif left_us < CERTIFICATE_DAYS_LEFT_WARN * _DAY_US:
            found.append((f"{self.tls.certificate} expires on {self.valid_until.isoformat()}", "renew it"))
        if now < self.valid_from:
            text = f"{self.tls.certificate} is valid only from {self.valid_from.isoformat()} on"
            found.append((text, "wait, or set this machine's clock"))
        if self.key_mode & 0o006:
            text = f"{self.tls.key} has mode {self.key_mode:04o}: every user of this machine can read or change the key"
            found.append((text, f"chmod 640 {self.tls.key}"))
        return found


class Certificate:
    """The pair that is shown to new connections. Raises InvalidInput as `load`."""

    def __init__(self, tls: Tls) -> None:
        self.pair = load(tls)
        self.context = load(tls).context
        """For the listener: on it each new connection is given the newest pair."""
        # It is called for every connection, also of clients that name no server.
        self.context.sni_callback = self._choose

    def renew(self, tls: Tls) -> bool:
        """Shows the pair in `tls` from here on; False where it is the one that is shown. Raises InvalidInput."""
        new = load(tls)
        is_other = new.fingerprint != self.pair.fingerprint
        self.pair = new
        return is_other

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002 - ssl's signature
        connection.context = self.pair.context


def load(tls: Tls) -> Pair:
    """Raises InvalidInput, saying which file cannot be used, why, and what to do."""
    chain = _read(tls.certificate, "certificate")
    _read(tls.key, "key")
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as unreadable:
        raise InvalidInput(
            f"the TLS certificate {tls.certificate} holds no certificate in PEM form: {unreadable}"
        ) from unreadable
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_TLS_1_2_SUITES)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_refuse)
    except _Encrypted:
        raise InvalidInput(
            f"the TLS key {tls.key} is encrypted, and a service cannot ask for its pass phrase when it starts: write it"
            f" without a pass phrase (openssl pkey -in {tls.key} -out NEW), readable by the service alone"
        ) from None
    except ssl.SSLError as refused:
        if refused.reason == "KEY_VALUES_MISMATCH":
            raise InvalidInput(
                f"the TLS key {tls.key} does not belong to the certificate {tls.certificate}: name the two files that"
                " were made together"
            ) from refused
        raise InvalidInput(
            f"the TLS certificate {tls.certificate} and key {tls.key} cannot be used: {refused.reason or refused}; both"
            " must be PEM, and the certificate's chain begin with this service's own"
        ) from refused
    return Pair(
        tls,
        context,
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
        leaf.fingerprint(hashes.SHA256()),
        stat.S_IMODE(tls.key.stat().st_mode),
    )


def _refuse() -> str:
    raise _Encrypted


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as unreadable:
        raise InvalidInput(
            f"the TLS {what} {path} cannot be read: {unreadable.strerror or unreadable}; let the user of the service"
            " read it"
        ) from unreadable

"""What TLS needs; apart from the server, so that reading options does not load it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the certificate chain and its private key."""

    certificate: Path
    key: Path

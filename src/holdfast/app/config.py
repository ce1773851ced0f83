"""Every option of a service: its name and default; from flags, else from HOLDFAST_* variables, else the default.

Flags and variables have the same words: `--body-budget` is HOLDFAST_BODY_BUDGET. Sizes may be written `64MiB`. The
options of each part are declared beside that part; here they are only gathered and checked against each other.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from holdfast.app.unlock import KMS_CHECK_SECONDS_DEFAULT, PassphraseSource, Unlock, ask_at_terminal
from holdfast.blobs.reserve import RESERVE_BYTES_DEFAULT
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MAX_CEILING,
    JOB_LEASE_SECONDS_DEFAULT,
    KIB,
    MIB,
    PARITY_PERCENT_MAX,
    SCRUB_DAYS_DEFAULT,
)
from holdfast.observe.log_words import LogFormat, LogLevel
from holdfast.server.tls import Tls

HOST_DEFAULT, PORT_DEFAULT = "127.0.0.1", 9220
THREADS_DEFAULT = 32
BODY_BUDGET_DEFAULT = 48 * MIB
_SIZE = re.compile(r"([0-9]+) ?(|B|KiB|MiB|GiB)")
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": KIB * MIB}


@dataclass(frozen=True, slots=True)
class Flags:
    """What was typed; None where nothing was."""

    data: str | None = None
    listen: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    insecure_http: bool | None = None
    chunk_max: str | None = None
    body_budget: str | None = None
    threads: str | None = None
    job_lease: str | None = None
    reserve: str | None = None
    scrub_days: str | None = None
    parity: str | None = None
    passphrase_file: str | None = None
    kms_key: str | None = None
    kms_endpoint: str | None = None
    kms_check: str | None = None
    log_level: str | None = None
    log_format: str | None = None


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store is opened with, wherever the service runs."""

    directory: Path
    chunk_bytes_max: int = CHUNK_BYTES_MAX
    job_lease_seconds: int = JOB_LEASE_SECONDS_DEFAULT
    reserve_bytes: int = RESERVE_BYTES_DEFAULT
    """Room kept back for deleting and collecting on a full disk."""
    scrub_days: int = SCRUB_DAYS_DEFAULT
    """Within so many days every pack is read once."""
    parity_percent: int = 0
    """How much parity packs are given once they are closed; 0 for none."""
    unlock: Unlock = field(default_factory=Unlock)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `serve` needs to know."""

    store: StoreOptions
    host: str = HOST_DEFAULT
    port: int = PORT_DEFAULT
    tls: Tls | None = None
    beyond_loopback: bool = field(default=False)
    """Whether others than this machine can connect."""
    body_budget_bytes: int = BODY_BUDGET_DEFAULT
    threads: int = THREADS_DEFAULT
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"


def store_directory(given: str | None, environ: Mapping[str, str]) -> Path:
    """The directory of a store: as given, or HOLDFAST_DATA, or ~/.local/share/holdfast."""
    chosen = given or environ.get("HOLDFAST_DATA")
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    home = environ.get("HOME") or os.path.expanduser("~")
    return Path(home) / ".local" / "share" / "holdfast"


def gather_store(data: str | None, environ: Mapping[str, str]) -> StoreOptions:
    """The options of a store. Raises InvalidInput naming the flag or variable that cannot be used."""
    return _store(_Source(Flags(data=data), environ))


def gather_unlock(flags: Flags, environ: Mapping[str, str]) -> Unlock:
    """How a store's root key is opened. Raises InvalidInput naming the flag or variable that cannot be used."""
    return _unlock(_Source(flags, environ))


def gather(flags: Flags, environ: Mapping[str, str]) -> ServeOptions:
    """The options of a service. Raises InvalidInput naming the flag or variable that cannot be used."""
    source = _Source(flags, environ)
    host, port = _address(source.text("listen") or f"{HOST_DEFAULT}:{PORT_DEFAULT}")
    tls = _tls(source)
    beyond = not _is_loopback(host)
    if beyond and tls is None and not source.truth("insecure_http"):
        raise InvalidInput(
            f"--listen {host or '(all addresses)'}:{port} would let others connect without encryption:"
            " give --tls-cert and --tls-key, or say --insecure-http if something in front provides it"
        )
    return ServeOptions(
        store=_store(source),
        host=host,
        port=port,
        tls=tls,
        beyond_loopback=beyond,
        body_budget_bytes=source.size("body_budget", BODY_BUDGET_DEFAULT, 1 * MIB, 1024 * 1024 * MIB),
        threads=source.number("threads", THREADS_DEFAULT, 1, 1024),
        log_level=source.word("log_level", get_args(LogLevel), "info"),  # type: ignore[arg-type]
        log_format=source.word("log_format", get_args(LogFormat), "auto"),  # type: ignore[arg-type]
    )


class _Source:
    """Reads one option from its flag or its variable, and names it as it was given when it cannot be used."""

    def __init__(self, flags: Flags, environ: Mapping[str, str]) -> None:
        self._flags = flags
        self._environ = environ

    def text(self, name: str) -> str | None:
        flag: object = getattr(self._flags, name)
        return str(flag) if flag is not None else self._environ.get(_variable(name)) or None

    def secret(self, name: str) -> str | None:
        """From the environment only: what is typed on a command line is shown to everybody on the machine."""
        return self._environ.get(_variable(name)) or None

    def directory(self) -> Path:
        return store_directory(self._flags.data, self._environ)

    def truth(self, name: str) -> bool:
        return (self.text(name) or "").lower() in ("true", "1", "yes", "on")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise self.refusal(name, f"it must be a whole number from {least} to {most}")
        return int(text)

    def size(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        found = _SIZE.fullmatch(text)
        size = int(found[1]) * _UNITS[found[2]] if found else 0
        if not found or not least <= size <= most:
            span = f"{least // KIB} KiB to {most // MIB} MiB"
            raise self.refusal(name, f"it must be a size such as 16MiB, from {span}")
        return size

    def word(self, name: str, words: tuple[str, ...], default: str) -> str:
        text = self.text(name)
        if text is None:
            return default
        if text not in words:
            raise self.refusal(name, f"it must be one of {', '.join(words)}")
        return text

    def refusal(self, name: str, remedy: str) -> InvalidInput:
        given = getattr(self._flags, name) is not None
        spelling = f"--{name.replace('_', '-')}" if given else _variable(name)
        return InvalidInput(f"{spelling} is {self.text(name)!r}: {remedy}")


def _variable(name: str) -> str:
    return f"HOLDFAST_{name.upper()}"


def _store(source: _Source) -> StoreOptions:
    return StoreOptions(
        directory=source.directory(),
        chunk_bytes_max=source.size("chunk_max", CHUNK_BYTES_MAX, 64 * KIB, CHUNK_BYTES_MAX_CEILING),
        job_lease_seconds=source.number("job_lease", JOB_LEASE_SECONDS_DEFAULT, 1, 366 * 24 * 3600),
        reserve_bytes=source.size("reserve", RESERVE_BYTES_DEFAULT, 0, 1024 * 1024 * MIB),
        scrub_days=source.number("scrub_days", SCRUB_DAYS_DEFAULT, 1, 3650),
        parity_percent=source.number("parity", 0, 0, PARITY_PERCENT_MAX),
        unlock=_unlock(source),
    )


def _unlock(source: _Source) -> Unlock:
    file = source.text("passphrase_file")
    passphrase = PassphraseSource(
        file=None if file is None else Path(file),
        text=source.secret("passphrase"),
        ask=ask_at_terminal("Pass phrase of the store"),
    )
    return Unlock(
        passphrase=passphrase,
        kms_key=source.text("kms_key"),
        kms_endpoint=source.text("kms_endpoint"),
        kms_check_seconds=source.number("kms_check", KMS_CHECK_SECONDS_DEFAULT, 1, 24 * 3600),
    )


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise InvalidInput(f"--listen is {text!r}: it must be HOST:PORT, such as 127.0.0.1:9220 or [::1]:9220")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise InvalidInput(f"--listen names the host {host!r}, which cannot be found: {unknown}") from unknown
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def _tls(source: _Source) -> Tls | None:
    certificate, key = source.text("tls_cert"), source.text("tls_key")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-cert" if certificate is None else "--tls-key"
        raise InvalidInput(f"{missing} is missing: TLS needs the certificate and its key, both as PEM files")
    return Tls(Path(certificate), Path(key))

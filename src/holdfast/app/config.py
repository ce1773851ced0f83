"""The options of a store and of a service, gathered and checked against each other.

Where each value comes from is `app.option_sources`' business, what may be said for each is declared in
`app.option_words`; what it means stands beside the part that it configures.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.app import option_words as words
from holdfast.app.option_kinds import Option
from holdfast.app.option_levels import Flags
from holdfast.app.option_sources import Sources
from holdfast.app.unlock import PassphraseSource, Unlock, ask_at_terminal
from holdfast.blobs.reserve import RESERVE_BYTES_DEFAULT
from holdfast.blobs.s3_options import S3Options
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.chunks.commit_options import CommitOptions
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import (
    CHUNK_BYTES_MAX,
    CONNECTIONS_PER_ADDRESS_DEFAULT,
    JOB_LEASE_SECONDS_DEFAULT,
    NODE_SILENCE_SECONDS_DEFAULT,
    SCRUB_DAYS_DEFAULT,
)
from holdfast.model.networks import Networks
from holdfast.observe.log_words import LogFormat, LogLevel
from holdfast.server.tls import Tls

__all__ = [
    "Flags",
    "ServeOptions",
    "StoreOptions",
    "gather",
    "gather_from",
    "gather_store",
    "gather_unlock",
    "store_directory",
]


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What a store is opened with, wherever the service runs."""

    directory: Path
    chunk_bytes_max: int = CHUNK_BYTES_MAX
    require_checksums: bool = False
    """Whether a body that its signature leaves out must come with its length and checksum."""
    job_lease_seconds: int = JOB_LEASE_SECONDS_DEFAULT
    reserve_bytes: int = RESERVE_BYTES_DEFAULT
    """Room kept back for deleting and collecting on a full disk."""
    node_silence_seconds: int = NODE_SILENCE_SECONDS_DEFAULT
    """A process that shares the store and gives no sign of life for so long is taken for dead."""
    scrub_days: int = SCRUB_DAYS_DEFAULT
    """Within so many days every pack is read once."""
    parity_percent: int = 0
    """How much parity packs are given once they are closed; 0 for none."""
    unlock: Unlock = field(default_factory=Unlock)
    catalog: PostgresOptions | None = None
    """None: SQLite, in the directory."""
    bucket: S3Options | None = None
    """None: files, in the directory."""
    commits: CommitOptions = field(default_factory=CommitOptions)
    read_cache_bytes: int = words.READ_CACHE_BYTES_DEFAULT
    """Memory for what was read from a bucket; 0 for none."""
    root_key_file: Path | None = None
    """A root key that is mounted from elsewhere; None: `root.key` in the directory, made on first use."""
    credentials_file: Path | None = None
    """An access key that is mounted from elsewhere; None: `credentials` in the directory, made on first use."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `serve` needs to know."""

    store: StoreOptions
    host: str = words.HOST_DEFAULT
    port: int = words.PORT_DEFAULT
    tls: Tls | None = None
    beyond_loopback: bool = field(default=False)
    """Whether others than this machine can connect."""
    trusted_proxies: Networks = field(default_factory=Networks)
    """Load balancers and reverse proxies in front of the service."""
    connections_per_address: int = CONNECTIONS_PER_ADDRESS_DEFAULT
    ops: tuple[str, int] | None = None
    """Host and port of a second address, for health and metrics."""
    workers: int = 1
    """Processes that serve the same address."""
    body_budget_bytes: int = words.BODY_BUDGET_DEFAULT
    threads: int = words.THREADS_DEFAULT
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"


def store_directory(given: str | None, environ: Mapping[str, str]) -> Path:
    """The directory of a store: as given, or as configured, or ~/.local/share/holdfast."""
    return Sources(Flags(data=given), environ).directory()


def gather_store(data: str | None, environ: Mapping[str, str], passphrase_file: str | None = None) -> StoreOptions:
    """The options of a store. Raises InvalidInput naming what cannot be used, and where it was given."""
    return _store(Sources(Flags(data=data, passphrase_file=passphrase_file), environ))


def gather_unlock(flags: Flags, environ: Mapping[str, str]) -> Unlock:
    """How a store's root key is opened. Raises InvalidInput as above."""
    return _unlock(Sources(flags, environ))


def gather(flags: Flags, environ: Mapping[str, str]) -> ServeOptions:
    """The options of a service. Raises InvalidInput as above."""
    return gather_from(Sources(flags, environ))


def gather_from(sources: Sources) -> ServeOptions:
    """The options of a service, from sources that were read already. Raises InvalidInput as above."""
    host, port = _address(sources, words.LISTEN)
    tls = _tls(sources)
    beyond = not _is_loopback(host, sources)
    insecure = sources.value(words.INSECURE_HTTP)
    if beyond and tls is None and not insecure:
        raise InvalidInput(
            f"{sources.spelling(words.LISTEN)} {host or '(all addresses)'}:{port} would let others connect without"
            " encryption: give --tls-cert and --tls-key, or say --insecure-http if something in front provides it"
        )
    return ServeOptions(
        store=_store(sources),
        host=host,
        port=port,
        tls=tls,
        beyond_loopback=beyond,
        trusted_proxies=sources.value(words.TRUSTED_PROXIES),
        connections_per_address=sources.value(words.CONNECTIONS_PER_ADDRESS),
        ops=None if sources.value(words.OPS_LISTEN) is None else _address(sources, words.OPS_LISTEN),
        workers=sources.value(words.WORKERS),
        body_budget_bytes=sources.value(words.BODY_BUDGET),
        threads=sources.value(words.THREADS),
        log_level=sources.value(words.LOG_LEVEL),  # type: ignore[arg-type]
        log_format=sources.value(words.LOG_FORMAT),  # type: ignore[arg-type]
    )


def _store(sources: Sources) -> StoreOptions:
    return StoreOptions(
        directory=sources.directory(),
        chunk_bytes_max=sources.value(words.CHUNK_MAX),
        require_checksums=sources.value(words.REQUIRE_CHECKSUMS),
        job_lease_seconds=sources.value(words.JOB_LEASE),
        reserve_bytes=sources.value(words.RESERVE),
        scrub_days=sources.value(words.SCRUB_DAYS),
        node_silence_seconds=sources.value(words.NODE_SILENCE),
        parity_percent=sources.value(words.PARITY),
        unlock=_unlock(sources),
        catalog=_catalog(sources),
        bucket=_bucket(sources),
        commits=CommitOptions(
            group_bytes_max=sources.value(words.COMMIT_BYTES),
            window_seconds=sources.value(words.COMMIT_WINDOW) / 1000,
            lanes=sources.value(words.COMMIT_LANES),
        ),
        read_cache_bytes=sources.value(words.READ_CACHE),
        root_key_file=sources.value(words.ROOT_KEY_FILE),
        credentials_file=sources.value(words.CREDENTIALS_FILE),
    )


def _catalog(sources: Sources) -> PostgresOptions | None:
    url = sources.value(words.CATALOG)
    schema, connections = sources.value(words.CATALOG_SCHEMA), sources.value(words.CATALOG_CONNECTIONS)
    return None if url is None or schema is None else PostgresOptions(url, schema, connections)


def _bucket(sources: Sources) -> S3Options | None:
    key_id, secret = sources.value(words.S3_ACCESS_KEY_ID), sources.value(words.S3_SECRET_ACCESS_KEY)
    if (key_id is None) != (secret is None):
        given, missing = words.S3_ACCESS_KEY_ID, words.S3_SECRET_ACCESS_KEY
        if key_id is None:
            given, missing = missing, given
        raise InvalidInput(
            f"{sources.spelling(given)} is given and {missing.word} is not: give both, or neither to use what AWS's"
            " own tools would use"
        )
    blobs, endpoint, region = (sources.value(each) for each in (words.BLOBS, words.S3_ENDPOINT, words.S3_REGION))
    if blobs is None or region is None:
        return None
    bucket, _, prefix = blobs.removeprefix("s3://").partition("/")
    return S3Options(bucket, prefix.rstrip("/"), endpoint, region, key_id, secret)


def _unlock(sources: Sources) -> Unlock:
    found = sources.find(words.PASSPHRASE)
    # The file is read when it is needed: not every command opens the root key.
    file = None if found is None else found.secret_in
    passphrase = PassphraseSource(
        file=file,
        text=None if file is not None else sources.value(words.PASSPHRASE),
        ask=ask_at_terminal("Pass phrase of the store"),
    )
    return Unlock(
        passphrase=passphrase,
        kms_key=sources.value(words.KMS_KEY),
        kms_endpoint=sources.value(words.KMS_ENDPOINT),
        kms_check_seconds=sources.value(words.KMS_CHECK),
    )


def _address(sources: Sources, option: Option[str | None]) -> tuple[str, int]:
    host, colon, port = str(sources.value(option)).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise sources.refusal(option, "it must be HOST:PORT, such as 127.0.0.1:9220 or [::1]:9220")
    return host, int(port)


def _is_loopback(host: str, sources: Sources) -> bool:
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise InvalidInput(
            f"{sources.spelling(words.LISTEN)} names the host {host!r}, which cannot be found: {unknown}"
        ) from unknown
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def _tls(sources: Sources) -> Tls | None:
    certificate, key = sources.value(words.TLS_CERT), sources.value(words.TLS_KEY)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-cert" if certificate is None else "--tls-key"
        raise InvalidInput(f"{missing} is missing: TLS needs the certificate and its key, both as PEM files")
    return Tls(certificate, key)

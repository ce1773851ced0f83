"""The flags of a service, for every command that takes them all."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from holdfast.app.option_levels import Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFlags:
    """What may be typed. The words are those of `app.option_words`, which also judges the values.

    Parameters
    ----------
    data
        Directory of the store, or of this node of it; by default ~/.local/share/holdfast.
    config
        TOML file with options; by default HOLDFAST_CONFIG, else DIR/holdfast.toml if there is one.
    listen
        HOST:PORT to listen on, by default 127.0.0.1:9220; port 0 takes a free one.
    tls_cert
        PEM file with the certificate chain; with it the service speaks https.
    tls_key
        PEM file with the certificate's private key.
    insecure_http
        Allow others than this machine to connect without TLS.
    require_checksums
        Refuse PutObject and NotifyObjectComplete with a body that neither the signature covers nor a length and a
        checksum in the request; by default both may be left out.
    trusted_proxies
        Addresses or CIDR blocks of load balancers in front, joined with commas; by default none. They may have any
        number of connections, and what they say of the client's address is believed.
    connections_per_address
        Connections that one address (IPv6: one /64) may have at a time, to each worker; by default 256 of 1024.
    ops_listen
        HOST:PORT for /health and /metrics alone, in plain HTTP; then --listen has no /metrics. By default none.
    workers
        Processes that serve the same address; by default 1. More of them need Linux.
    catalog
        postgresql://USER@HOST/DATABASE for the catalog; by default SQLite in DIR.
    catalog_schema
        Schema in that database, made on first use; by default holdfast.
    catalog_connections
        Connections to the database, of each worker, at most; by default 16.
    blobs
        s3://BUCKET or s3://BUCKET/PREFIX for packs and wrapped keys; by default files in DIR.
    s3_endpoint
        URL of the S3 service; by default AWS itself.
    s3_region
        Region of the bucket; by default us-east-1.
    read_cache
        Memory for what was read from the bucket, of each worker; by default 64MiB, 0 for none.
    commit_window
        Milliseconds that a group of uploads waits for company, if the one before had some; by default 0.
    commit_bytes
        Bytes at which a group of uploads is written without waiting; by default 32MiB.
    commit_lanes
        Groups written at the same time, where the catalog allows it; by default 4.
    chunk_max
        Largest chunk accepted, up to 64MiB; by default 16MiB.
    body_budget
        Memory for request bodies under way, of each worker, and as much again for answers; by default 48MiB each.
    threads
        Requests that each worker handles at the same time; by default 32.
    job_lease
        Seconds after which a job that nobody touches has expired; by default 86400.
    reserve
        Room kept back so that on a full disk one can still delete and collect; by default 80MiB, 0 for none.
    node_silence
        Seconds after which a process that shares the store and gives no sign of life is taken for dead; by default 30.
    scrub_days
        Every pack is read and checked once within so many days; by default 30.
    parity
        Keep so much parity beside each pack, 1 to 50 percent, to repair damage with; by default 0, none.
    root_key_file
        File with the root key, where another node made it; by default DIR/root.key, made on first use.
    credentials_file
        File with the root access key, where another node made it; by default DIR/credentials, made on first use.
    passphrase_file
        File with the pass phrase that protects the root key, else HOLDFAST_PASSPHRASE, else asked for on a terminal.
        A new store is protected by it from the start.
    kms_key
        ARN, id or alias of the KMS key that is to protect the root key of a new store.
    kms_endpoint
        URL of the KMS; by default AWS_ENDPOINT_URL_KMS or AWS itself.
    kms_check
        Seconds after which the KMS is asked again whether its key may be used; by default 300.
    log_level
        debug, info, warning or error; by default info.
    log_format
        json or text; by default text on a terminal, JSON elsewhere.
    """

    data: Annotated[str | None, Parameter(metavar="DIR")] = None
    config: Annotated[str | None, Parameter(metavar="FILE")] = None
    listen: Annotated[str | None, Parameter(metavar="HOST:PORT")] = None
    tls_cert: Annotated[str | None, Parameter(metavar="FILE")] = None
    tls_key: Annotated[str | None, Parameter(metavar="FILE")] = None
    insecure_http: Annotated[bool | None, Parameter(negative=())] = None
    require_checksums: Annotated[bool | None, Parameter(negative=())] = None
    trusted_proxies: Annotated[str | None, Parameter(metavar="CIDR,...")] = None
    connections_per_address: Annotated[str | None, Parameter(metavar="N")] = None
    ops_listen: Annotated[str | None, Parameter(metavar="HOST:PORT")] = None
    workers: Annotated[str | None, Parameter(metavar="N")] = None
    catalog: Annotated[str | None, Parameter(metavar="URL")] = None
    catalog_schema: Annotated[str | None, Parameter(metavar="NAME")] = None
    catalog_connections: Annotated[str | None, Parameter(metavar="N")] = None
    blobs: Annotated[str | None, Parameter(metavar="S3-URL")] = None
    s3_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None
    s3_region: Annotated[str | None, Parameter(metavar="NAME")] = None
    read_cache: Annotated[str | None, Parameter(metavar="SIZE")] = None
    commit_window: Annotated[str | None, Parameter(metavar="MS")] = None
    commit_bytes: Annotated[str | None, Parameter(metavar="SIZE")] = None
    commit_lanes: Annotated[str | None, Parameter(metavar="N")] = None
    chunk_max: Annotated[str | None, Parameter(metavar="SIZE")] = None
    body_budget: Annotated[str | None, Parameter(metavar="SIZE")] = None
    threads: Annotated[str | None, Parameter(metavar="N")] = None
    job_lease: Annotated[str | None, Parameter(metavar="SECONDS")] = None
    reserve: Annotated[str | None, Parameter(metavar="SIZE")] = None
    scrub_days: Annotated[str | None, Parameter(metavar="DAYS")] = None
    node_silence: Annotated[str | None, Parameter(metavar="SECONDS")] = None
    parity: Annotated[str | None, Parameter(metavar="PERCENT")] = None
    root_key_file: Annotated[str | None, Parameter(metavar="FILE")] = None
    credentials_file: Annotated[str | None, Parameter(metavar="FILE")] = None
    passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None
    kms_key: Annotated[str | None, Parameter(metavar="ARN")] = None
    kms_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None
    kms_check: Annotated[str | None, Parameter(metavar="SECONDS")] = None
    log_level: Annotated[str | None, Parameter(metavar="LEVEL")] = None
    log_format: Annotated[str | None, Parameter(metavar="FORMAT")] = None


Given = Annotated[ServiceFlags | None, Parameter(name="*")]
"""A command's parameter that stands for all of them; None where nothing was typed."""


def flags_of(given: ServiceFlags | None) -> "Flags":
    """The same, for `app`."""
    from holdfast.app.option_levels import Flags

    return Flags() if given is None else Flags(**asdict(given))

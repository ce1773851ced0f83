"""`holdfast serve`."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from holdfast.cli.output import UsageError, warn


def serve(
    *,
    data: Annotated[str | None, Parameter(metavar="DIR")] = None,
    listen: Annotated[str | None, Parameter(metavar="HOST:PORT")] = None,
    tls_cert: Annotated[str | None, Parameter(metavar="FILE")] = None,
    tls_key: Annotated[str | None, Parameter(metavar="FILE")] = None,
    insecure_http: Annotated[bool | None, Parameter(negative=())] = None,
    chunk_max: Annotated[str | None, Parameter(metavar="SIZE")] = None,
    body_budget: Annotated[str | None, Parameter(metavar="SIZE")] = None,
    threads: Annotated[str | None, Parameter(metavar="N")] = None,
    job_lease: Annotated[str | None, Parameter(metavar="SECONDS")] = None,
    reserve: Annotated[str | None, Parameter(metavar="SIZE")] = None,
    scrub_days: Annotated[str | None, Parameter(metavar="DAYS")] = None,
    parity: Annotated[str | None, Parameter(metavar="PERCENT")] = None,
    passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None,
    kms_key: Annotated[str | None, Parameter(metavar="ARN")] = None,
    kms_endpoint: Annotated[str | None, Parameter(metavar="URL")] = None,
    kms_check: Annotated[str | None, Parameter(metavar="SECONDS")] = None,
    log_level: Annotated[str | None, Parameter(metavar="LEVEL")] = None,
    log_format: Annotated[str | None, Parameter(metavar="FORMAT")] = None,
) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    The first start on an empty directory makes the store, a vault named 'default' and a root access key in
    DIR/credentials. When it is ready, one line is printed: 'holdfast: listening on URL'.

    Examples:

        holdfast serve

        holdfast serve --data /srv/backups --listen 0.0.0.0:9220 --tls-cert host.pem --tls-key host.key

    Every option may also come from the environment, as HOLDFAST_DATA, HOLDFAST_LISTEN, HOLDFAST_CHUNK_MAX...

    Parameters
    ----------
    data
        Directory of the store; by default ~/.local/share/holdfast.
    listen
        HOST:PORT to listen on, by default 127.0.0.1:9220; port 0 takes a free one.
    tls_cert
        PEM file with the certificate chain; with it the service speaks https.
    tls_key
        PEM file with the certificate's private key.
    insecure_http
        Allow others than this machine to connect without TLS.
    chunk_max
        Largest chunk accepted, up to 64MiB; by default 16MiB.
    body_budget
        Memory for request bodies under way, and as much again for answers; by default 48MiB each.
    threads
        Requests handled at the same time; by default 32.
    job_lease
        Seconds after which a job that nobody touches has expired; by default 86400.
    reserve
        Room kept back so that on a full disk one can still delete and collect; by default 80MiB, 0 for none.
    scrub_days
        Every pack is read and checked once within so many days; by default 30.
    parity
        Keep so much parity beside each pack, 1 to 50 percent, to repair damage with; by default 0, none.
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
    from holdfast.app.config import Flags, gather
    from holdfast.model.errors import InvalidInput

    flags = Flags(
        data=data,
        listen=listen,
        tls_cert=tls_cert,
        tls_key=tls_key,
        insecure_http=insecure_http,
        chunk_max=chunk_max,
        body_budget=body_budget,
        threads=threads,
        job_lease=job_lease,
        reserve=reserve,
        scrub_days=scrub_days,
        parity=parity,
        passphrase_file=passphrase_file,
        kms_key=kms_key,
        kms_endpoint=kms_endpoint,
        kms_check=kms_check,
        log_level=log_level,
        log_format=log_format,
    )
    try:
        options = gather(flags, os.environ)
    except InvalidInput as misuse:
        raise UsageError(misuse.message) from misuse
    if options.beyond_loopback and options.tls is None:
        warn(f"warning: others can connect to {options.host or 'all addresses'} WITHOUT encryption (--insecure-http)")
    from holdfast.app.process import serve as run

    run(options, sys.stdout)

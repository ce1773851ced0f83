"""`holdfast serve`."""

import os
import sys

from holdfast.cli.output import UsageError, warn
from holdfast.cli.service_flags import Given, flags_of


def serve(*, flags: Given = None) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    The first start on an empty directory makes the store, a vault named 'default' and a root access key in
    DIR/credentials. When it is ready, one line is printed: 'holdfast: listening on URL'.

    For example:

        holdfast serve

        holdfast serve --data /srv/backups --listen 0.0.0.0:9220 --tls-cert host.pem --tls-key host.key

        holdfast serve --data /srv/node --catalog postgresql://holdfast@db/holdfast --blobs s3://backups/holdfast

    SIGHUP makes it take over a renewed certificate and another log level; whatever else changed takes a restart.

    Any number of services on one database and one bucket are one service; each has a DIR of its own.

    Every option may also come from the environment, --chunk-max as HOLDFAST_CHUNK_MAX, and from a TOML file, as
    chunk_max = "16MiB". A flag goes before a variable, and a variable before the file. 'holdfast config check' shows
    what is in force and tests it.

    Secrets are no flags. They are variables, or lines of the file, or in files of their own:

        HOLDFAST_CATALOG                HOLDFAST_CATALOG_FILE
        HOLDFAST_S3_ACCESS_KEY_ID       HOLDFAST_S3_ACCESS_KEY_ID_FILE
        HOLDFAST_S3_SECRET_ACCESS_KEY   HOLDFAST_S3_SECRET_ACCESS_KEY_FILE
        HOLDFAST_PASSPHRASE             HOLDFAST_PASSPHRASE_FILE
    """
    from holdfast.app.config import gather_from
    from holdfast.app.option_sources import Sources
    from holdfast.model.errors import InvalidInput

    def read() -> Sources:
        return Sources(flags_of(flags), os.environ)

    try:
        options = gather_from(read())
    except InvalidInput as misuse:
        raise UsageError(misuse.message) from misuse
    if options.beyond_loopback and options.tls is None:
        warn(f"warning: others can connect to {options.host or 'all addresses'} WITHOUT encryption (--insecure-http)")
    from holdfast.app.process import serve as run

    run(options, sys.stdout, read)

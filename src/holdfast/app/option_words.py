"""Every option that there is: its word, its kind, its default and its limits.

A word is the same everywhere: `body_budget` in a TOML file is HOLDFAST_BODY_BUDGET in the environment and
`--body-budget` on the command line. A secret is no flag, since what is typed is shown to everybody on the machine
(only the catalog's URL is one too: it may do without a password); it may lie in a file, `X_file` instead of `X`. The
options of each part are declared beside that part; here stand their words, and what may be said for them.
"""

import re
from typing import get_args

from holdfast.app.option_kinds import Blocks, CatalogUrl, Number, Option, Place, Size, Text, Truth, Word
from holdfast.app.unlock import KMS_CHECK_SECONDS_DEFAULT
from holdfast.blobs.reserve import RESERVE_BYTES_DEFAULT
from holdfast.catalog.postgres_options import CONNECTIONS_MAX_DEFAULT, SCHEMA_DEFAULT
from holdfast.chunks.commit_options import GROUP_BYTES_MAX_DEFAULT, LANES_DEFAULT
from holdfast.model.limits import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MAX_CEILING,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_ADDRESS_DEFAULT,
    JOB_LEASE_SECONDS_DEFAULT,
    KIB,
    MIB,
    NODE_SILENCE_SECONDS_DEFAULT,
    PARITY_PERCENT_MAX,
    SCRUB_DAYS_DEFAULT,
)
from holdfast.model.networks import Networks
from holdfast.observe.log_words import LogFormat, LogLevel

HOST_DEFAULT, PORT_DEFAULT = "127.0.0.1", 9220
BODY_BUDGET_DEFAULT = 48 * MIB
READ_CACHE_BYTES_DEFAULT = 64 * MIB
THREADS_DEFAULT = 32
_ANY_AMOUNT = 1024 * 1024 * MIB

DATA = Place("data", None, is_folder=True)
LISTEN = Text("listen", f"{HOST_DEFAULT}:{PORT_DEFAULT}")
TLS_CERT, TLS_KEY = Place("tls_cert", None), Place("tls_key", None)
INSECURE_HTTP = Truth("insecure_http", False)
REQUIRE_CHECKSUMS = Truth("require_checksums", False)
TRUSTED_PROXIES = Blocks("trusted_proxies", Networks())
CONNECTIONS_PER_ADDRESS = Number("connections_per_address", CONNECTIONS_PER_ADDRESS_DEFAULT, 1, CONNECTIONS_MAX)
OPS_LISTEN = Text("ops_listen", None)

CATALOG = CatalogUrl("catalog", None, secret=True, unset="SQLite in DIR")
CATALOG_SCHEMA = Text(
    "catalog_schema",
    SCHEMA_DEFAULT,
    re.compile(r"[a-z_][a-z0-9_]{0,62}"),
    "it must be 1 to 63 of a-z, 0-9 and _, not beginning with a digit",
)
CATALOG_CONNECTIONS = Number("catalog_connections", CONNECTIONS_MAX_DEFAULT, 2, 1000)
BLOBS = Text(
    "blobs",
    None,
    re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,254}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?"),
    "it must be s3://BUCKET or s3://BUCKET/PREFIX",
    unset="files in DIR",
)
S3_ENDPOINT = Text(
    "s3_endpoint",
    None,
    re.compile(r"https?://[^/@?#\s]+/?"),
    "it must be http://HOST:PORT or https://HOST:PORT, with nothing behind it and no user in it",
    unset="AWS itself",
)
S3_REGION = Text("s3_region", "us-east-1", re.compile(r"[A-Za-z0-9-]{1,64}"), "it must be a name such as us-east-1")
S3_ACCESS_KEY_ID = Text("s3_access_key_id", None, secret=True, unset="AWS's own ways")
S3_SECRET_ACCESS_KEY = Text("s3_secret_access_key", None, secret=True, unset="AWS's own ways")
READ_CACHE = Size("read_cache", READ_CACHE_BYTES_DEFAULT, 0, _ANY_AMOUNT)
COMMIT_WINDOW = Number("commit_window", 0, 0, 10_000, "milliseconds")
COMMIT_BYTES = Size("commit_bytes", GROUP_BYTES_MAX_DEFAULT, 1 * MIB, 1024 * MIB)
COMMIT_LANES = Number("commit_lanes", LANES_DEFAULT, 1, 64)

WORKERS = Number("workers", 1, 1, 64)
THREADS = Number("threads", THREADS_DEFAULT, 1, 1024)
BODY_BUDGET = Size("body_budget", BODY_BUDGET_DEFAULT, 1 * MIB, _ANY_AMOUNT)
CHUNK_MAX = Size("chunk_max", CHUNK_BYTES_MAX, 64 * KIB, CHUNK_BYTES_MAX_CEILING)
JOB_LEASE = Number("job_lease", JOB_LEASE_SECONDS_DEFAULT, 1, 366 * 24 * 3600, "seconds")
RESERVE = Size("reserve", RESERVE_BYTES_DEFAULT, 0, _ANY_AMOUNT)
SCRUB_DAYS = Number("scrub_days", SCRUB_DAYS_DEFAULT, 1, 3650, "days")
NODE_SILENCE = Number("node_silence", NODE_SILENCE_SECONDS_DEFAULT, 1, 3600, "seconds")
PARITY = Number("parity", 0, 0, PARITY_PERCENT_MAX, "percent")

ROOT_KEY_FILE, CREDENTIALS_FILE = (
    Place("root_key_file", None, unset="DIR/root.key"),
    Place("credentials_file", None, unset="DIR/credentials"),
)
PASSPHRASE = Text("passphrase", None, secret=True)
KMS_KEY, KMS_ENDPOINT = Text("kms_key", None), Text("kms_endpoint", None)
KMS_CHECK = Number("kms_check", KMS_CHECK_SECONDS_DEFAULT, 1, 24 * 3600, "seconds")

LOG_LEVEL = Word("log_level", "info", get_args(LogLevel))
LOG_FORMAT = Word("log_format", "auto", get_args(LogFormat))

OPTIONS: tuple[Option[object], ...] = (
    DATA, LISTEN, TLS_CERT, TLS_KEY, INSECURE_HTTP, REQUIRE_CHECKSUMS,
    TRUSTED_PROXIES, CONNECTIONS_PER_ADDRESS, OPS_LISTEN,
    CATALOG, CATALOG_SCHEMA, CATALOG_CONNECTIONS,
    BLOBS, S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, READ_CACHE,
    COMMIT_WINDOW, COMMIT_BYTES, COMMIT_LANES,
    WORKERS, THREADS, BODY_BUDGET, CHUNK_MAX, JOB_LEASE, RESERVE, SCRUB_DAYS, NODE_SILENCE, PARITY,
    ROOT_KEY_FILE, CREDENTIALS_FILE, PASSPHRASE, KMS_KEY, KMS_ENDPOINT, KMS_CHECK,
    LOG_LEVEL, LOG_FORMAT,
)  # fmt: skip
"""All of them, in the order in which they are shown."""


def file_word(option: Option[object]) -> str:
    """The word under which the file is named that holds a secret."""
    return f"{option.word}_file"


WORDS = frozenset({option.word for option in OPTIONS} | {file_word(option) for option in OPTIONS if option.secret})
"""Every word that a TOML file, or after HOLDFAST_ the environment, may use."""

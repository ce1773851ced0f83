"""Every limit of the system, its unit in its name.

What a client may send is limited here once; the codec, the planes and the agent read the same numbers. Limits that an
administrator may move are defaults of options; the ceiling that an option may not pass stands beside its default.
"""

KIB = 1024
MIB = 1024 * KIB

# Objects and chunks (contract 3.10)
CHUNK_BYTES_MAX = 16 * MIB
CHUNK_BYTES_MAX_CEILING = 64 * MIB
# What a frame holds at most: a chunk of the largest size that any option allows, or a part of a manifest. A header that
# claims more was made up, and nothing is read for it.
FRAME_CONTENT_BYTES_MAX = CHUNK_BYTES_MAX_CEILING
METADATA_BLOB_BYTES_MAX = 4 * MIB
METADATA_STRING_BYTES_MAX = 256
OBJECT_NAME_BYTES_MAX = 4096
CHUNK_INDEX_MAX = 2**63 - 1
OWNER_NAMES_BYTES_MAX = 1 * MIB
"""Of a metadata blob, for the names of users, and as much for those of groups; ids beyond that stay numbers."""

# Lists
PAGE_RESULTS_MAX = 100
PAGE_RESULTS_DEFAULT = 100
# Objects that one page of a list looks at while their times keep them out of it.
PAGE_LOOKS_MAX = 50_000
CONTROL_PAGE_RESULTS_MAX = 1000
SCAN_PAGE_RESULTS_MAX = 10_000

# Batches of small objects (our own model)
BATCH_OBJECTS_MAX = 4096
BATCH_BYTES_MAX = 16 * MIB
BATCH_OBJECT_BYTES_MAX = 4 * MIB
# Of all objects that one GetObjects reads: a chunk costs a read and a check, however few bytes it has.
BATCH_CHUNKS_MAX = 10_000

# HTTP
REQUEST_HEAD_BYTES_MAX = 64 * KIB
REQUEST_HEADERS_MAX = 200
SIGNED_HEADERS_MAX = 100
QUERY_PAIRS_MAX = 100
JSON_BODY_BYTES_MAX = 1 * MIB
FRAMING_BYTES_FREE = 16 * KIB
FRAMING_SHARE_MAX = 1 / 16
"""What a chunked body may have in sizes, extensions and trailers: so many bytes, and this share of its own."""
CHUNKED_PIECES_FREE = 512
CHUNKED_PIECE_BYTES_MIN = 128
"""After the first so many chunks, the average that chunks must have."""
HEAD_SECONDS_MAX = 30
HANDSHAKE_SECONDS_MAX = 10
CONNECTIONS_MAX = 1024
CONNECTIONS_PER_ADDRESS_DEFAULT = 256
RESERVED_CONNECTIONS_MAX = 32
"""Beyond the connections that there may be: for questions about health, and to say that there are no more."""
OPS_CONNECTIONS_MAX = 64
BODY_IDLE_SECONDS_MAX = 60
CLOCK_SKEW_SECONDS_MAX = 15 * 60

# Names of the control plane
VAULT_NAME_PATTERN = r"^[a-zA-Z0-9\-_]{2,50}$"
SOURCE_NAME_BYTES_MAX = 256
ARN_BYTES_MAX = 2048
TOKEN_BYTES_MAX = 16 * KIB

# Jobs
JOB_LEASE_SECONDS_DEFAULT = 24 * 3600

# Care of what is stored
SCRUB_DAYS_DEFAULT = 30
NODE_SILENCE_SECONDS_DEFAULT = 30
PARITY_PERCENT_DEFAULT = 5
PARITY_PERCENT_MAX = 50

# What a request to the control plane may leave in the catalog, beside names and ARNs
IDEMPOTENCY_TOKEN_BYTES_MAX = 256
STORED_OPTIONS_BYTES_MAX = 16 * KIB
JOB_WINDOW_MINUTES_MAX = 100 * 24 * 60

# The process of a service
CERTIFICATE_DAYS_LEFT_WARN = 7
OPEN_FILES_WANTED = 8192

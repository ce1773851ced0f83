"""The one door to the client library for buckets (obstore), and how long its requests may take.

The library is imported when a bucket is opened, so that a store in a directory needs none of it. Its threads do not
survive a fork: a child that used a parent's connections would wait for ever, so they are refused to it. A process that
serves buckets must be spawned, or forked before the first bucket was opened.

What is always true here: an upload's attempt ends after the time that its bytes need at the slowest rate allowed, any
other attempt when nothing has come for `stall_seconds`; so a connection that is only half there holds nobody for ever.
"""

import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import Internal, Unavailable
from holdfast.model.limits import MIB

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential, S3CredentialProvider, S3Store

_SMALLEST_UPLOAD_BYTES = MIB
_UPLOAD_STEP = 4
_LONGEST_READ_SECONDS = 3600.0
# Below what common servers allow an idle connection, so that it is ours to close and not lost under a request.
_IDLE_SECONDS = 20.0


class S3Connections:
    """Pools of connections to one bucket: one for reading and small requests, one for each size of upload."""

    def __init__(self, options: S3Options) -> None:
        """Connects to nobody yet. Unavailable where the library is not installed."""
        try:
            import obstore.exceptions
        except ImportError as missing:
            raise Unavailable("a bucket needs the library obstore: pip install 'holdfast[s3]'") from missing
        self.errors: tuple[type[Exception], ...] = (obstore.exceptions.BaseError, FileNotFoundError)
        """What the library raises when a request fails."""
        self._options = options
        self._pools: dict[int, S3Store] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def reading(self) -> "S3Store":
        """For requests without a large body."""
        return self._pool(0)

    def uploading(self, length: int) -> "S3Store":
        """For a body of that many bytes."""
        room = _SMALLEST_UPLOAD_BYTES
        while room < length:
            room *= _UPLOAD_STEP
        return self._pool(room)

    def close(self) -> None:
        """Let go of the connections; new ones are made when asked for."""
        with self._lock:
            self._pools.clear()

    def _pool(self, room: int) -> "S3Store":
        if os.getpid() != self._process:
            raise Internal(
                "a bucket that was opened before a fork is used after it: open it in the process that uses it"
            )
        with self._lock:
            pool = self._pools.get(room)
            if pool is None:
                pool = self._pools[room] = self._open(room)
            return pool

    def _open(self, room: int) -> "S3Store":
        from obstore.store import S3Store

        options = self._options
        total = _LONGEST_READ_SECONDS
        if room:
            total = options.stall_seconds + room / options.upload_bytes_per_second_min
        client: ClientConfig = {
            "allow_http": options.endpoint is not None and options.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=options.connect_seconds),
            # While a body is sent nothing is read, so for an upload both are the same.
            "read_timeout": timedelta(seconds=total if room else options.stall_seconds),
            "timeout": timedelta(seconds=total),
            "pool_idle_timeout": timedelta(seconds=_IDLE_SECONDS),
        }
        # What is said here is not taken from variables of the environment that are meant for other programs.
        config: S3Config = {
            "region": options.region,
            "virtual_hosted_style_request": False,
            "conditional_put": "etag",
            "disable_bulk_delete": True,
            "skip_signature": False,
            "unsigned_payload": False,
        }
        if options.endpoint is not None:
            config["endpoint"] = options.endpoint.rstrip("/")
        once: RetryConfig = {"max_retries": 0}
        return S3Store(
            options.bucket,
            config=config,
            client_options=client,
            retry_config=once,
            credential_provider=_credentials(options),
        )


def _credentials(options: S3Options) -> "S3CredentialProvider | None":
    """Given as a provider, because a key given as configuration would be sent with the environment's session token."""
    if options.access_key_id is None or options.secret_access_key is None:
        return None
    given: S3Credential = {
        "access_key_id": options.access_key_id,
        "secret_access_key": options.secret_access_key,
        "token": options.session_token,
        "expires_at": None,
    }
    return lambda: given

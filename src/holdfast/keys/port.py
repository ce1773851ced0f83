"""What the key ring asks of a key service, and of the place that keeps wrapped keys."""

from collections.abc import Iterator
from typing import Protocol


class KeyProvider(Protocol):
    """Holds a root key that never leaves it. A local file, a KMS, an HSM."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` encrypted and authenticated under the root key, for `unwrap` with the same `context` only."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped. UnusableKey if the root key, the context or a byte of `wrapped` is another."""

    def derive(self, purpose: bytes) -> bytes:
        """32 secret bytes that depend on the root key and `purpose` alone: the same after every start."""


class KeyRecords(Protocol):
    """The part of a blob store (blobs.port.BlobStore) that keeps key records: write-once, and durable."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def list(self, prefix: str) -> Iterator[str]: ...

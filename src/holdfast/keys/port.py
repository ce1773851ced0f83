"""What the key ring asks of a key service, and of the places that keep wrapped keys and the root key."""

from collections.abc import Iterator
from typing import Protocol

ROOT_ID_BYTES = 8


class KeyProvider(Protocol):
    """Holds a root key that nobody else sees. A local file, a KMS, an HSM."""

    @property
    def root_id(self) -> bytes:
        """Which root key this is: 8 bytes that tell root keys apart and say nothing about them."""

    def require_usable(self) -> None:
        """Raises UnusableKey while whoever owns the root key does not allow its use.

        Called before every use of keys: it must answer at once, from what is known already.
        """

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` encrypted and authenticated under the root key, for `unwrap` with the same `context` only."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped. UnusableKey if the root key, the context or a byte of `wrapped` is another."""

    def derive(self, purpose: bytes) -> bytes:
        """32 secret bytes that depend on the root key and `purpose` alone: the same after every start."""


class KeyRecords(Protocol):
    """The part of a blob store (blobs.local.LocalBlobs) that keeps key records: write-once, and durable."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def delete(self, name: str) -> None: ...

    def settle(self, name: str) -> None:
        """After it returns, what stands under `name` and beside it, or no longer does, survives a power cut as it is.

        For what was found and not written here: who wrote or deleted it may have been killed before it was durable.
        """

    def list(self, prefix: str) -> Iterator[str]: ...


class RootKeyFile(Protocol):
    """Where the root key lies. It shows the names of the wrapped keys, so that one sees what would be lost with it."""

    def put(self, name: str, data: bytes) -> None: ...

    def get(self, name: str) -> bytes: ...

    def replace(self, name: str, data: bytes) -> None:
        """Keep `data` in place of what is there; durable on return, and until then all of the one or of the other."""

    def settle(self, name: str) -> None: ...

    def list(self, prefix: str) -> Iterator[str]: ...

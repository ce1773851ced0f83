"""Where a store is: the one place that chooses between SQLite and PostgreSQL, and between a directory and a bucket.

Libraries that are not needed are not loaded: a store in a directory works without either of the extras.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.app.config import StoreOptions
from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME
from holdfast.app.mark import MarkPlace
from holdfast.blobs.disk import Disk
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.port import BlobStore, Buffer
from holdfast.catalog.port import Catalog
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.sqlite_file import CHECKSUM_VFS
from holdfast.chunks.whole_packs import WholeStore
from holdfast.keys.port import KeyRecords
from holdfast.model.errors import Unavailable


class Blobs(BlobStore, KeyRecords, Protocol):
    """A blob store that also keeps key records."""

    def close(self) -> None: ...


class Bucket(WholeStore, MarkPlace, Protocol):
    """What only a bucket is asked for."""

    def put_new(self, name: str, data: bytes | Sequence[Buffer]) -> None: ...

    def ping(self) -> None: ...


@dataclass(frozen=True, slots=True)
class BlobPlaces:
    """A store's blobs as they are, and as they are best read; and what they are: one of two kinds."""

    blobs: Blobs
    cached: BlobStore
    local: LocalBlobs | None = None
    bucket: Bucket | None = None


def catalog_path(options: StoreOptions) -> Path | None:
    """The file of the catalog; None where it is no file."""
    return None if options.catalog is not None else options.directory / CATALOG_NAME


def open_catalog(options: StoreOptions, *, vfs: str = CHECKSUM_VFS, joins: bool = False) -> Catalog:
    """The catalog, made or brought up to date. `joins`: other processes have the file open. Raises Unavailable."""
    if options.catalog is None:
        return SqliteCatalog(options.directory / CATALOG_NAME, vfs=vfs, joins=joins)
    try:
        from holdfast.catalog.postgres import PostgresCatalog
    except ImportError as missing:
        raise Unavailable(
            "a catalog on PostgreSQL needs the library psycopg: install it with  pip install 'holdfast[postgres]'"
        ) from missing
    return PostgresCatalog(options.catalog)


def schema_spoken(options: StoreOptions) -> int:
    """The latest schema step that this program knows; where one program at a time has the store nobody asks."""
    if options.catalog is None:
        return 0
    from holdfast.catalog import postgres_schema

    return postgres_schema.speaks()


def open_blobs(options: StoreOptions, *, disk: Disk | None = None) -> BlobPlaces:
    """The blobs. Raises Unavailable where the library for buckets is not installed."""
    if options.bucket is None:
        local = LocalBlobs(options.directory / BLOBS_NAME, disk=disk)
        return BlobPlaces(local, local, local=local)
    from holdfast.blobs.cached import CachedReads
    from holdfast.blobs.s3 import S3Blobs

    bucket = S3Blobs(options.bucket)
    cached: BlobStore = CachedReads(bucket, options.read_cache_bytes) if options.read_cache_bytes else bucket
    return BlobPlaces(bucket, cached, bucket=bucket)

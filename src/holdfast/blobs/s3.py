"""A blob store in a bucket of an S3-compatible store.

What is always true here: a blob is one object, made by one PUT, so a name holds all of its bytes or nothing; what a PUT
or a DELETE has made true when the store answers it is as durable as that store promises. Bytes are handed out only if
they are exactly the range that was asked for; an answer that falls short is asked for again and then Unavailable.
Names in the bucket, costs and what is asked of the store: docs/design/bucket.md.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from holdfast.blobs.disk import Buffer
from holdfast.blobs.name import check_blob_name, is_blob_name
from holdfast.blobs.patience import GaveUp, Patience
from holdfast.blobs.s3_connections import S3Connections
from holdfast.blobs.s3_errors import Kind, OddAnswer, Trouble, as_error, understand
from holdfast.blobs.s3_options import S3Options
from holdfast.model.clock import SystemClock
from holdfast.model.errors import AlreadyExists, HoldfastError, NotFound, Unavailable

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta

    from holdfast.blobs.s3_check import BucketFindings

_NOBODYS_NAME = "probe/nothing"
_CHECK_PATIENCE_SECONDS = 2.0
_NAMES_PER_PAGE = 1000  # as many as a store gives at once

Result = TypeVar("Result")


class OutOfOrder(Unavailable):
    """The store lists names in another order than that of their bytes."""


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What the store says of a blob."""

    size: int
    written_us: int
    """By the store's clock, which may tell whole seconds only."""
    version: str | None
    """Where the bucket keeps older versions."""


class S3Blobs:
    """BlobStore, and the keeper of key records, over a bucket. Safe for many threads; not across a fork."""

    def __init__(self, options: S3Options, *, patience: Patience | None = None) -> None:
        """Asks the bucket nothing yet. Unavailable where the client library is not installed."""
        self.options = options
        self._above = f"{options.prefix}/" if options.prefix else ""
        self._connections = S3Connections(options)
        self._patience = patience or Patience(options.patience_seconds)

    def put(self, name: str, data: Buffer) -> None:
        key = self._key(name)
        try:
            self._try(lambda: self._upload(key, data, create=True))
        except GaveUp as failed:
            if failed.trouble.kind is not Kind.TAKEN:
                raise self._error(failed, f"write {name}") from None
            # An attempt whose answer was lost may have been the one that took the name.
            if not (failed.in_doubt and self._holds(name, data)):
                raise AlreadyExists(f"the blob {name} exists already, and blobs never change") from None

    def put_new(self, name: str, data: Buffer | Sequence[Buffer]) -> None:
        """Keep `data` (or its parts, one after the other, without copying them) under a name that nobody else uses.

        For names drawn at random: what the name holds already is replaced, so that sending again is always safe.
        Durable on return, all or nothing, like `put`.
        """
        key = self._key(name)
        self._ask(f"write {name}", lambda: self._upload(key, data, create=False))

    def get(self, name: str) -> bytes:
        key = self._key(name)
        return self._ask(f"read {name}", lambda: _whole(self._connections.reading().get(key)))

    def read(self, name: str, offset: int, length: int) -> bytes:
        if length <= 0:
            self.size(name)
            return b""
        found = self._range(name, offset, length)
        return found[0] if found else b""

    def size(self, name: str) -> int:
        facts = self.facts(name)
        return facts.size if facts else 0

    def facts(self, name: str) -> BlobFacts | None:
        """What the store says of a blob; None of an empty one."""
        # Not HEAD: its answers have no body, so that a missing bucket would look like a missing blob.
        found = self._range(name, 0, 1)
        return found[1] if found else None

    def delete(self, name: str) -> None:
        key = self._key(name)
        try:
            self._ask(f"delete {name}", lambda: self._connections.reading().delete(key))
        except NotFound:
            return  # some stores say so, and it is what was wanted

    def list(self, prefix: str) -> Iterator[str]:
        within = prefix.rpartition("/")[0]
        if within:
            check_blob_name(within)
        return self._list(prefix, within)

    def check(self) -> "BucketFindings":
        """Try out all that is asked of a bucket. Raises Unavailable where it is of no use, after a shorter patience."""
        from holdfast.blobs.s3_check import probe

        quick = min(_CHECK_PATIENCE_SECONDS, self.options.patience_seconds)
        return probe(S3Blobs(replace(self.options, patience_seconds=quick)), clock=SystemClock())

    def settle(self, name: str) -> None:
        """Nothing is left to do: a store that shows an object, or its absence, has made it durable before."""
        check_blob_name(name)

    def close(self) -> None:
        """Let go of the connections. The store may be used again."""
        self._connections.close()

    def _range(self, name: str, offset: int, length: int) -> tuple[bytes, BlobFacts] | None:
        """The bytes of a range of at least one, and what the store says of the blob; None where it ends before."""
        key = self._key(name)
        end = offset + length
        try:
            return self._try(
                lambda: _part(self._connections.reading().get(key, options={"range": (offset, end)}), offset, end)
            )
        except GaveUp as failed:
            if failed.trouble.kind is Kind.PAST_END:
                return None
            raise self._error(failed, f"read {name}") from None

    def _upload(self, key: str, data: Buffer | Sequence[Buffer], *, create: bool) -> None:
        parts = [data] if isinstance(data, bytes | bytearray | memoryview) else [part for part in data if len(part)]
        pool = self._connections.uploading(sum(len(part) for part in parts))
        # In one piece: of an upload in many parts that is broken off, the parts would stay, unseen and paid for.
        pool.put(key, parts, mode="create" if create else "overwrite", use_multipart=False)

    def _holds(self, name: str, data: Buffer) -> bool:
        try:
            return self.get(name) == data
        except NotFound as gone:
            raise Unavailable(f"the blob {name} was deleted while it was being written") from gone

    def _list(self, prefix: str, within: str) -> Iterator[str]:
        doing = f"list {prefix or 'all blobs'}"
        last = ""
        while True:
            after = self._above + last if last else None
            page = self._ask(doing, partial(self._page, self._above + within, after))
            for name in page:
                if name <= last:
                    raise OutOfOrder(f"{self.options.place} lists {name} after {last}: it does not keep names in order")
                last = name
                if not name.startswith(prefix):
                    if name > prefix:
                        return
                elif is_blob_name(name):
                    yield name
            if not page:
                self._make_sure()
            if len(page) < _NAMES_PER_PAGE:
                return

    def _page(self, above: str, after: str | None) -> tuple[str, ...]:
        """The next names below a directory of the bucket, in one request; fewer than a page where they end."""
        stream = self._connections.reading().list(above or None, offset=after, chunk_size=_NAMES_PER_PAGE)
        page: Sequence[ObjectMeta] = next(iter(stream), [])
        return tuple([found["path"].removeprefix(self._above) for found in page])

    def ping(self) -> None:
        """Returns if the bucket answers. Raises Unavailable."""
        self._make_sure()

    def _make_sure(self) -> None:
        """Unavailable unless it is our bucket that answers: any XML of anybody passes for a list of nothing."""
        with contextlib.suppress(NotFound):
            self.facts(_NOBODYS_NAME)

    def _key(self, name: str) -> str:
        return self._above + check_blob_name(name)

    def _ask(self, doing: str, attempt: Callable[[], Result]) -> Result:
        try:
            return self._try(attempt)
        except GaveUp as failed:
            raise self._error(failed, doing) from None

    def _try(self, attempt: Callable[[], Result]) -> Result:
        return self._patience.run(attempt, self._understand, (OddAnswer, *self._connections.errors))

    def _understand(self, error: Exception) -> Trouble:
        return understand(error, self.options)

    def _error(self, failed: GaveUp, doing: str) -> HoldfastError:
        return as_error(failed.trouble, doing, self.options)


def _whole(answer: "GetResult") -> bytes:
    data = bytes(answer.bytes())
    size = answer.meta["size"]
    if answer.meta["e_tag"] is None:
        raise OddAnswer("answered a read without an ETag")
    if len(data) != size:
        raise OddAnswer(f"sent {len(data)} bytes of a blob that has {size}")
    return data


def _part(answer: "GetResult", start: int, end: int) -> tuple[bytes, BlobFacts]:
    meta = answer.meta
    data = bytes(answer.bytes())
    wanted = max(0, min(end, meta["size"]) - start)
    if answer.range != (start, start + wanted) or len(data) != wanted:
        raise OddAnswer(f"sent {len(data)} bytes where {wanted} were asked for")
    return data, BlobFacts(meta["size"], round(meta["last_modified"].timestamp() * 1e6), meta["version"])

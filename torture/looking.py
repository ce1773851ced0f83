"""Reads a view in every way that the service has, and compares it with what it must be.

What always holds: whatever was answered was compared, names and order of the list, every length, checksum and byte; an
error is noted and is never a reason to look at less of the rest. So a look that found nothing wrong says that nothing
was answered but what is true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

from holdfast.model import checksum
from holdfast.model.errors import Damaged, HoldfastError, ServiceError
from holdfast.wire import batch
from torture.content import Content, Piece
from torture.inside import Inside

T = TypeVar("T")


class Asked(NamedTuple):
    """What was asked of a view: by which operation, of which object, and for which chunk if for one."""

    job: str
    operation: str
    name: str = ""
    piece: Piece | None = None


@dataclass(slots=True)
class Found:
    """What looks came to."""

    answers: int = 0
    """Answers that were compared and are right."""
    errors: dict[Asked, Exception] = field(default_factory=dict)
    """Errors that came instead of answers."""
    wrong: list[str] = field(default_factory=list)
    """Answers that are not true."""

    def ask(self, asked: Asked, call: Callable[[], T]) -> T | None:
        """The answer, or None after an error, which is noted."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no answer; who looks judges what it may be
            self.errors[asked] = error
            return None

    def compare(self, asked: Asked, answered: object, true: object) -> None:
        """Notes what was answered as right or wrong."""
        if answered == true:
            self.answers += 1
        else:
            what = " ".join(str(part) for part in asked if part is not None)
            self.wrong.append(f"{what}: {_short(answered)} was answered, {_short(true)} is true")

    def lost(self) -> set[Piece]:
        """The chunks that could not be read."""
        return {asked.piece for asked in self.errors if asked.piece is not None}


@dataclass(slots=True)
class Look:
    """One view, listed once, so that it can be read again and again by the tokens of that list."""

    inside: Inside
    job: str
    """The StorageJobId."""
    view: Mapping[str, Content]
    """What the view must be."""
    tokens: dict[str, str] = field(default_factory=dict)
    chunk_tokens: dict[str, list[str]] = field(default_factory=dict)

    def enter(self, found: Found, page: int = 100) -> None:
        """By ListObjects, ScanObjects and ListChunks, in pages of `page`; keeps the tokens."""
        self.tokens.clear()
        self.chunk_tokens.clear()
        true = sorted(self.view, key=lambda name: name.encode())
        for operation in ("ListObjects", "ScanObjects"):
            asked = Asked(self.job, operation)
            listed = found.ask(asked, partial(self._pages, operation, "ObjectList", page))
            if listed is None:
                continue
            found.compare(asked, [entry["Name"] for entry in listed], true)
            for entry in listed:
                content = self.view.get(entry["Name"])
                if content is not None:
                    true_entry = _true_entry(content, entry)
                    told = {member: entry.get(member) for member in true_entry}
                    found.compare(asked._replace(name=entry["Name"]), told, true_entry)
                    self.tokens[entry["Name"]] = entry["ObjectToken"]
        for name, token in self.tokens.items():
            self._list_chunks(found, name, token, page)

    def read(self, found: Found) -> None:
        """Every object by GetChunk, GetObjects and GetObjectMetadata."""
        for name, token in self.tokens.items():
            content = self.view[name]
            for (_, piece), handle in zip(content.chunks, self.chunk_tokens.get(name, ()), strict=False):
                self._get_chunk(found, name, piece, handle)
            self._get_metadata(found, name, token, content)
            self._get_objects(found, name, token, content)

    def pieces(self) -> set[Piece]:
        """Every chunk and blob that the view needs."""
        return pieces_of(self.view)

    def touched_by(self, piece: Piece) -> set[Asked]:
        """What `read` asks that needs the chunk."""
        touched: set[Asked] = set()
        for name, content in self.view.items():
            if content.blob == piece:
                touched.add(Asked(self.job, "GetObjectMetadata", name, piece))
            if any(one == piece for _, one in content.chunks):
                touched.add(Asked(self.job, "GetChunk", name, piece))
            if content.blob == piece or any(one == piece for _, one in content.chunks):
                touched.add(Asked(self.job, "GetObjects", name))
        return touched

    def _pages(self, operation: str, member: str, page: int, **params: object) -> list[Any]:
        return list(self.inside.pages(operation, member, StorageJobId=self.job, MaxResults=page, **params))

    def _list_chunks(self, found: Found, name: str, token: str, page: int) -> None:
        asked = Asked(self.job, "ListChunks", name)
        listed = found.ask(asked, lambda: self._pages("ListChunks", "ChunkList", page, ObjectToken=token))
        if listed is None:
            return
        answered = [(chunk["Index"], chunk["Length"], chunk["Checksum"]) for chunk in listed]
        chunks = self.view[name].chunks
        true = [(index, piece.length, checksum.encode(piece.digest())) for index, piece in chunks]
        found.compare(asked, answered, true)
        if answered == true:
            self.chunk_tokens[name] = [chunk["ChunkToken"] for chunk in listed]

    def _get_chunk(self, found: Found, name: str, piece: Piece, handle: str) -> None:
        asked = Asked(self.job, "GetChunk", name, piece)
        answer = found.ask(asked, lambda: self.inside.call("GetChunk", StorageJobId=self.job, ChunkToken=handle))
        if answer is not None:
            answered = (bytes(answer["Data"]), answer["Length"], answer["Checksum"])
            found.compare(asked, answered, (piece.data(), piece.length, checksum.encode(piece.digest())))

    def _get_metadata(self, found: Found, name: str, token: str, content: Content) -> None:
        asked, blob = Asked(self.job, "GetObjectMetadata", name, content.blob), content.blob
        answer = found.ask(asked, lambda: self.inside.call(asked.operation, StorageJobId=self.job, ObjectToken=token))
        if answer is None:
            return
        true = (content.note, blob and blob.data(), blob and checksum.encode(blob.digest()))
        members = ("MetadataString", "MetadataBlob", "MetadataBlobChecksum")
        found.compare(asked, tuple(answer.get(member) for member in members), true)

    def _get_objects(self, found: Found, name: str, token: str, content: Content) -> None:
        asked = Asked(self.job, "GetObjects", name)
        answer = found.ask(asked, lambda: self.inside.call("GetObjects", StorageJobId=self.job, ObjectTokens=[token]))
        if answer is None:
            return
        records = batch.decode_gets(answer["Objects"], 1)
        answered = [([tuple(chunk) for chunk in record.chunks], record.metadata_blob) for record in records]
        chunks = [(index, piece.data()) for index, piece in content.chunks]
        found.compare(asked, answered, [(chunks, content.blob and content.blob.data())])


def pieces_of(view: Mapping[str, Content]) -> set[Piece]:
    """Every chunk and blob of a view."""
    chunks = {piece for content in view.values() for _, piece in content.chunks}
    return chunks | {content.blob for content in view.values() if content.blob is not None}


def is_damage(error: Exception) -> bool:
    """Whether an error says that stored bytes failed their check: the one thing a damaged frame may cause."""
    return isinstance(error, Damaged)


def is_our_side(error: Exception) -> bool:
    """Whether an error is an honest "cannot", not a claim about what is there."""
    return isinstance(error, ServiceError)


def is_tidy(error: Exception) -> bool:
    """Whether an error is one of the house's own, with a remedy; anything else is a defect that clients see as 500."""
    return isinstance(error, HoldfastError)


def _true_entry(content: Content, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of a list must say of the object. What else it says, of damage, is for others to judge."""
    true = {
        "Name": entry["Name"],
        "ChunksCount": len(content.chunks),
        "MetadataString": content.note,
        "ObjectChecksum": checksum.encode(content.summary()),
    }
    if "Bytes" in entry:
        true |= {"Bytes": content.total_bytes(), "MetadataBlobLength": content.blob and content.blob.length}
    return true


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:200]} ... {text[-80:]}"

"""Walks all packs and notes what is in them: the first half of making a catalog anew.

What is always true here: what is noted of manifests and records has been decrypted and checked; what is noted of chunks
is where a sound header says that they are, and nothing of their contents is read unless the same chunk was found twice.
Then one that can be read counts. A damaged range never hides what lies behind it. Memory is one frame and one page.
"""

from dataclasses import dataclass, field
from typing import Protocol

from holdfast.blobs.port import BlobStore
from holdfast.catalog.findings import Findings, FoundPack, FoundPart, FoundRecord, Place
from holdfast.catalog.records import DELETION, VAULT
from holdfast.chunks.frame import unseal
from holdfast.chunks.packs import pack_name
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, NotFound, UnusableKey
from holdfast.model.limits import KIB
from holdfast.packfile import manifest, read, record
from holdfast.packfile.layout import FRAME_HEADER_BYTES, FrameHeader, Kind, decode_frame_header
from holdfast.packfile.read import DamagedRange, FoundFrame
from holdfast.packfile.record import VaultRecord

_WINDOW_BYTES = 64 * KIB
_SMALL_READ_BYTES = 4 * KIB
_FRAMES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something in a pack that cannot be read: its name, and what is wrong at which offset."""

    pack: str
    offset: int
    length: int
    reason: str
    told: tuple[bytes, bytes] | None = None
    """Vault uid and frame id, where it is a manifest or a record."""
    is_unknown: bool = False
    """Whether nobody can say what it was: perhaps a manifest, or a record of a deletion."""


class Listener(Protocol):
    """Hears of progress and of trouble while packs are walked."""

    def progress(self, done_bytes: int) -> None: ...

    def trouble(self, trouble: Trouble) -> None: ...


@dataclass(slots=True)
class PackWalk:
    """The walk through the packs of one vault; `keys` are that vault's, None if it has none any more."""

    blobs: BlobStore
    findings: Findings
    vault_uid: bytes
    keys: VaultKeys | None
    listener: Listener
    _pending: dict[bytes, Place] = field(default_factory=dict)

    def walk(self, pack_uid: bytes) -> None:
        """Notes everything in one pack. Raises Unavailable where the disk refuses."""
        name = pack_name(self.vault_uid, pack_uid)
        try:
            size = self.blobs.size(name)
        except NotFound as missing:
            # It was listed: something else than a file has its name, and what the file held cannot be known.
            self.listener.trouble(Trouble(name, 0, 0, missing.message, is_unknown=True))
            self.findings.add_pack(self.vault_uid, FoundPack(pack_uid, 0, 0))
            return
        old_key = False
        if self.keys is not None:
            source = _Window(self.blobs, name)
            try:
                read.pack_header(source.read_at)
            except Damaged as damage:
                self.listener.trouble(Trouble(name, 0, 48, damage.message))
            for found in read.frames(source.read_at, size):
                if isinstance(found, DamagedRange):
                    self._tell_range(source, name, size, found)
                    continue
                old_key |= found.header.key_number < self.keys.frame_key_number
                self._note(name, pack_uid, found)
            self._flush()
        self.findings.add_pack(self.vault_uid, FoundPack(pack_uid, size, int(old_key)))
        self.listener.progress(size)

    def _tell_range(self, source: "_Window", name: str, size: int, found: DamagedRange) -> None:
        """Reports bytes that are no frame, and whether a manifest may have stood there.

        None has where nothing was ever written (zeros), or where a chunk was cut off by the end of the pack.
        """
        head = source.read_at(found.offset, min(found.length, FRAME_HEADER_BYTES))
        try:
            is_cut_chunk = decode_frame_header(head).kind == Kind.CHUNK and found.offset + found.length == size
        except Damaged:
            is_cut_chunk = False
        is_unknown = not is_cut_chunk and not _is_zero(source, found)
        trouble = Trouble(name, found.offset, found.length, "no frame with a sound header", is_unknown=is_unknown)
        self.listener.trouble(trouble)

    def _note(self, name: str, pack_uid: bytes, found: FoundFrame) -> None:
        header = found.header
        place = Place(header.frame_id, header.raw_bytes, pack_uid, found.offset, header.frame_bytes)
        if header.vault != self.vault_uid:
            reason = f"a frame of another vault, {header.vault.hex()}"
            self.listener.trouble(Trouble(name, found.offset, header.frame_bytes, reason))
        elif header.kind == Kind.CHUNK:
            self._note_chunk(place)
        else:
            try:
                self._note_content(header, place)
            except (Damaged, UnusableKey) as damage:
                reason = f"a {Kind(header.kind).name.lower()} that cannot be read: {damage.message}"
                told = (self.vault_uid, header.frame_id)
                self.listener.trouble(Trouble(name, found.offset, header.frame_bytes, reason, told))

    def _note_chunk(self, place: Place) -> None:
        former = self._pending.get(place.frame_id)
        if former is None or (not self._can_be_read(former) and self._can_be_read(place)):
            self._pending[place.frame_id] = place
        if len(self._pending) >= _FRAMES_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        known = self.findings.find_frames(self.vault_uid, list(self._pending))
        self.findings.add_frames(self.vault_uid, [p for p in self._pending.values() if p.frame_id not in known])
        for frame_id, former in known.items():
            if not self._can_be_read(former) and self._can_be_read(self._pending[frame_id]):
                self.findings.move_frame(self.vault_uid, self._pending[frame_id])
        self._pending.clear()

    def _note_content(self, header: FrameHeader, place: Place) -> None:
        content = self._content(place, Kind(header.kind))
        if header.kind == Kind.MANIFEST:
            read_part = manifest.decode(content)
            head = read_part.head
            self._require_own(head.vault_uid)
            part = FoundPart(
                resource_arn=head.resource_arn,
                seq=head.seq,
                point_uid=head.point_uid,
                edition=head.edition,
                part=head.part,
                is_last=head.is_last,
                is_full=head.is_full,
                base_seq=head.base_seq,
                vault_name=head.vault_name,
                completed_us=head.completed_us,
            )
            self.findings.add_part(self.vault_uid, part, place)
            self.findings.add_replaced(self.vault_uid, read_part.replaces)
            return
        told = record.decode(content)
        self._require_own(told.vault_uid)
        if isinstance(told, VaultRecord):
            since_us = told.created_us if told.retired_us is None else told.retired_us
            row = FoundRecord(VAULT, "", None, told.revision, since_us, content)
        else:
            row = FoundRecord(DELETION, told.point_uid, told.resource_arn, told.seq, told.deleted_us, content)
        self.findings.add_record(self.vault_uid, row, place)

    def _require_own(self, vault_uid: bytes) -> None:
        if vault_uid != self.vault_uid:
            raise Damaged(f"it tells of another vault, {vault_uid.hex()}")

    def _can_be_read(self, place: Place) -> bool:
        try:
            self._content(place, Kind.CHUNK)
        except (Damaged, UnusableKey):
            return False
        return True

    def _content(self, place: Place, kind: Kind) -> bytes:
        assert self.keys is not None
        return read_place(self.blobs, self.keys, place, kind)


def read_place(blobs: BlobStore, keys: VaultKeys, place: Place, kind: Kind) -> bytes:
    """The content of the frame at that place, verified. Raises Damaged, UnusableKey, NotFound."""
    frame = blobs.read(pack_name(keys.vault_uid, place.pack), place.offset, place.frame_bytes)
    return unseal(keys, place.frame_id, place.raw_bytes, frame, kind=kind)


def _is_zero(source: "_Window", found: DamagedRange) -> bool:
    end = found.offset + found.length
    return not any(
        source.read_at(start, min(_WINDOW_BYTES, end - start)).strip(b"\0")
        for start in range(found.offset, end, _WINDOW_BYTES)
    )


class _Window:
    """Reads a pack front to back: small reads out of a larger one, and zeros where the disk cannot give the bytes."""

    def __init__(self, blobs: BlobStore, name: str) -> None:
        self._blobs = blobs
        self._name = name
        self._start = 0
        self._data = b""

    def read_at(self, offset: int, length: int) -> bytes:
        begin = offset - self._start
        if begin >= 0 and begin + length <= len(self._data):
            return self._data[begin : begin + length]
        if length > _SMALL_READ_BYTES:
            return self._read(offset, length)
        self._start, self._data = offset, self._read(offset, _WINDOW_BYTES)
        return self._data[:length]

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return self._blobs.read(self._name, offset, length)
        except Damaged:
            pass
        # A bad sector hides no more than itself: no frame header is all zeros.
        pieces: list[bytes] = []
        for start in range(offset, offset + length, _SMALL_READ_BYTES):
            wanted = min(_SMALL_READ_BYTES, offset + length - start)
            try:
                pieces.append(self._blobs.read(self._name, start, wanted))
            except Damaged:
                pieces.append(bytes(wanted))
        return b"".join(pieces)

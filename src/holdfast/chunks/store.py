"""The chunk store as the planes see it: seal what came in, read back what was asked for.

Writing happens elsewhere (`chunks.commit`), because many chunks share one sync and one transaction.
"""

import hashlib
import os
from collections.abc import Callable

from holdfast.blobs.port import BlobStore
from holdfast.chunks.frame import seal, unseal
from holdfast.chunks.packs import pack_name
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.salts import Salts
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, NotFound
from holdfast.packfile.layout import FRAME_HEADER_BYTES, Kind, decode_frame_header

Buffer = bytes | bytearray | memoryview


class ChunkStore:
    """Stateless but for the blob store under it; safe for many threads."""

    def __init__(
        self, blobs: BlobStore, *, fresh: BlobStore | None = None, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        """`fresh` is what `blobs` is a cache of: a frame that fails its check is read from there once more."""
        self._blobs = blobs
        self._fresh = fresh
        self._salts = Salts(random)

    def seal(self, keys: VaultKeys, data: Buffer, digest: bytes, *, kind: Kind = Kind.CHUNK) -> SealedFrame:
        """`data` compressed and encrypted, ready for `GroupCommit.submit`. `digest` must be its verified SHA-256."""
        return seal(keys, digest, data, kind=kind, new_salt=self._salts.next)

    def read(
        self, keys: VaultKeys, chunk_id: bytes, location: Location, raw_bytes: int, *, kind: Kind = Kind.CHUNK
    ) -> bytes:
        """The chunk's bytes: exactly those that were sealed, or Damaged (the pack is gone, short, flipped, another)."""
        try:
            try:
                return unseal(keys, chunk_id, raw_bytes, self._frame(self._blobs, keys, location), kind=kind)
            except Damaged:
                if self._fresh is None:
                    raise
            return unseal(keys, chunk_id, raw_bytes, self._frame(self._fresh, keys, location), kind=kind)
        except Damaged as damage:
            raise _placed(damage, keys, location) from damage

    def seems_whole(self, keys: VaultKeys, chunk_id: bytes, location: Location, raw_bytes: int) -> bool:
        """Whether a frame of that chunk begins there and none of it is cut off; its content is not read.

        For whoever relies on a chunk without having its bytes at hand: a lost, short or mixed up pack is noticed.
        """
        name = pack_name(keys.vault_uid, location.pack)
        last = location.offset + location.frame_bytes - 1
        try:
            header = decode_frame_header(self._blobs.read(name, location.offset, FRAME_HEADER_BYTES))
            is_long_enough = len(self._blobs.read(name, last, 1)) == 1
        except (Damaged, NotFound):
            return False
        told = (header.frame_id, header.raw_bytes, header.frame_bytes)
        return is_long_enough and told == (chunk_id, raw_bytes, location.frame_bytes)

    def copy(self, keys: VaultKeys, chunk_id: bytes, location: Location, raw_bytes: int) -> SealedFrame:
        """The frame there, of whatever kind, to be written once more elsewhere; it was unsealed and is sound.

        The same bytes again, which repeats a message under its own key and tells nobody anything; or, where the vault
        has a newer frame key, the content sealed anew under that. Raises Damaged.
        """
        try:
            frame = self._frame(self._fresh or self._blobs, keys, location)
            header = decode_frame_header(frame)
            kind = Kind(header.kind)
            data = unseal(keys, chunk_id, raw_bytes, frame, kind=kind)
        except Damaged as damage:
            raise _placed(damage, keys, location) from damage
        if header.key_number == keys.frame_key_number:
            return SealedFrame(keys.vault_uid, chunk_id, raw_bytes, (frame,))
        return seal(keys, hashlib.sha256(data).digest(), data, kind=kind, new_salt=self._salts.next)

    def _frame(self, blobs: BlobStore, keys: VaultKeys, location: Location) -> bytes:
        name = pack_name(keys.vault_uid, location.pack)
        try:
            frame = blobs.read(name, location.offset, location.frame_bytes)
        except NotFound as lost:
            raise Damaged("the pack is missing") from lost
        if len(frame) != location.frame_bytes:
            raise Damaged(f"{len(frame)} of {location.frame_bytes} bytes are there")
        return frame


def _placed(damage: Damaged, keys: VaultKeys, location: Location) -> Damaged:
    """The same damage, told with its place."""
    name = pack_name(keys.vault_uid, location.pack)
    return Damaged(f"chunk at offset {location.offset} of {name}: {damage.message}")

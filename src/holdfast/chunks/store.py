"""The chunk store as the planes see it: seal what came in, read back what was asked for.

Writing happens elsewhere (`chunks.commit`), because many chunks share one sync and one transaction.
"""

import os
from collections.abc import Callable

from holdfast.blobs.port import BlobStore
from holdfast.chunks.frame import seal, unseal
from holdfast.chunks.packs import pack_name
from holdfast.chunks.port import Location, SealedFrame
from holdfast.chunks.salts import Salts
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, NotFound
from holdfast.packfile.layout import Kind

Buffer = bytes | bytearray | memoryview


class ChunkStore:
    """Stateless but for the blob store under it; safe for many threads."""

    def __init__(self, blobs: BlobStore, *, random: Callable[[int], bytes] = os.urandom) -> None:
        self._blobs = blobs
        self._salts = Salts(random)

    def seal(self, keys: VaultKeys, data: Buffer, digest: bytes, *, kind: Kind = Kind.CHUNK) -> SealedFrame:
        """`data` compressed and encrypted, ready for `GroupCommit.submit`. `digest` must be its verified SHA-256."""
        return seal(keys, digest, data, kind=kind, new_salt=self._salts.next)

    def read(
        self, keys: VaultKeys, chunk_id: bytes, location: Location, raw_bytes: int, *, kind: Kind = Kind.CHUNK
    ) -> bytes:
        """The chunk's bytes: exactly those that were sealed, or Damaged (the pack is gone, short, flipped, another)."""
        name = pack_name(keys.vault_uid, location.pack)
        try:
            frame = self._blobs.read(name, location.offset, location.frame_bytes)
        except NotFound as lost:
            raise Damaged(f"the pack {name} is missing") from lost
        try:
            if len(frame) != location.frame_bytes:
                raise Damaged(f"{len(frame)} of {location.frame_bytes} bytes are there")
            return unseal(keys, chunk_id, raw_bytes, frame, kind=kind)
        except Damaged as damage:
            raise Damaged(f"chunk at offset {location.offset} of {name}: {damage.message}") from damage

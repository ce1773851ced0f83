"""Reads many frames of one pack and says which of them are no longer what the catalog says they are.

What is always true here: a frame counts as sound only if it was read, decrypted, decompressed and hashed, and its hash
made its id. Neighbouring frames are read together, so that checking a whole pack reads it in long runs; memory is one
run and one frame's content, whatever the size of the pack.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from holdfast.blobs.port import BlobStore
from holdfast.chunks.frame import unseal
from holdfast.chunks.packs import pack_name
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import Damaged, NotFound, UnusableKey
from holdfast.model.limits import KIB, MIB
from holdfast.packfile.layout import Kind, decode_frame_header

Buffer = bytes | bytearray | memoryview

RUN_BYTES_MAX = 4 * MIB
"""Frames are read together up to so many bytes; a larger frame is read by itself."""
_GAP_BYTES_MAX = 64 * KIB


class Placed(Protocol):
    """A frame as the catalog knows it: what it must hold, and where it stands in its pack. All lengths in bytes."""

    @property
    def chunk_id(self) -> bytes: ...
    @property
    def raw_bytes(self) -> int: ...
    @property
    def frame_offset(self) -> int: ...
    @property
    def frame_bytes(self) -> int: ...


P = TypeVar("P", bound=Placed)


def damaged_frames(blobs: BlobStore, keys: VaultKeys, pack: bytes, frames: Sequence[P]) -> Iterator[tuple[P, str]]:
    """Those of `frames`, all of this pack (16-byte uid), that cannot be read back, each with the reason.

    Raises Unavailable where the store cannot be read at all (which says nothing about any frame), UnusableKey where
    the vault's keys cannot be used at all.
    """
    name = pack_name(keys.vault_uid, pack)
    for run in _runs(sorted(frames, key=lambda frame: frame.frame_offset)):
        start = run[0].frame_offset
        try:
            data = blobs.read(name, start, run[-1].frame_offset + run[-1].frame_bytes - start)
        except NotFound:
            yield from ((frame, f"the pack {name} is missing") for frame in run)
            continue
        except Damaged as unreadable:
            if len(run) > 1:
                # One bad sector must not condemn its neighbours.
                for frame in run:
                    yield from damaged_frames(blobs, keys, pack, [frame])
            else:
                yield run[0], unreadable.message
            continue
        view = memoryview(data)
        for frame in run:
            piece = view[frame.frame_offset - start : frame.frame_offset - start + frame.frame_bytes]
            reason = damage_of(keys, frame, piece)
            if reason is not None:
                yield frame, f"frame at offset {frame.frame_offset} of {name}: {reason}"


def damage_of(keys: VaultKeys, frame: Placed, data: Buffer) -> str | None:
    """Why `data` is not that frame; None if it is. The kind is the frame's own word: its id was made of the kind too.

    Raises UnusableKey if not even the latest key can be used.
    """
    try:
        if len(data) != frame.frame_bytes:
            return f"{len(data)} of {frame.frame_bytes} bytes are there"
        header = decode_frame_header(memoryview(data))
        unseal(keys, frame.chunk_id, frame.raw_bytes, data, kind=Kind(header.kind))
    except Damaged as damage:
        return damage.message
    except UnusableKey as unusable:
        # The key of one frame may be lost, and then that frame is; a provider that refuses says nothing about frames.
        keys.frame_key(keys.frame_key_number, bytes(32))
        return unusable.message
    return None


def _runs(frames: Sequence[P]) -> Iterator[list[P]]:
    """`frames`, in order of offset, as runs that lie close together."""
    run: list[P] = []
    for frame in frames:
        if run:
            end = run[-1].frame_offset + run[-1].frame_bytes
            span = frame.frame_offset + frame.frame_bytes - run[0].frame_offset
            if frame.frame_offset - end > _GAP_BYTES_MAX or span > RUN_BYTES_MAX:
                yield run
                run = []
        run.append(frame)
    if run:
        yield run

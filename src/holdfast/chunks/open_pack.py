"""The pack that is being filled for one vault.

What is always true here: a frame's location is handed out only together with the sync that makes it durable, or
before it to the one caller who syncs. After the first failure the pack takes nothing more (its AppendFile is
poisoned); what it holds and was acknowledged stays where it is.
"""

from collections.abc import Sequence

from holdfast.blobs.port import AppendFile
from holdfast.chunks.port import Location, SealedFrame
from holdfast.packfile.layout import PackHeader


class OpenPack:
    """Frames of one vault, appended one after the other. One thread."""

    def __init__(self, file: AppendFile, header: PackHeader) -> None:
        """Takes over `file`, new and empty, and appends the pack header; it becomes durable with the first frames."""
        self._file = file
        self.uid = header.pack
        self.acknowledged = False
        """Whether a sync has succeeded: only then may anyone know a location in this pack."""
        self._file.append([header.encode()])

    @property
    def size(self) -> int:
        """Bytes appended so far."""
        return self._file.size

    def append(self, frames: Sequence[SealedFrame]) -> list[Location]:
        """Where each frame stands, once `sync` has returned. Unavailable if the disk refuses."""
        offset = self._file.append([part for frame in frames for part in frame.parts])
        locations = []
        for frame in frames:
            frame_bytes = frame.frame_bytes
            locations.append(Location(self.uid, offset, frame_bytes))
            offset += frame_bytes
        return locations

    def sync(self) -> None:
        """After it returns every frame appended so far survives a power cut. Unavailable if that cannot be had."""
        self._file.sync()
        self.acknowledged = True

    def close(self) -> None:
        """Let go of the file; nothing is appended to this pack again, by this process or a later one."""
        self._file.close()

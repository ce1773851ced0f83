"""The packs that are being filled, one per vault, and the one way to write into them.

What is always true here: a pack is registered before its file is made; when `write_group` returns, every frame of it
survives a power cut; a pack that failed once is abandoned, and so is every pack of an earlier process, whose tail
nobody knows. A pack in which nothing was ever acknowledged is removed when it is abandoned, so that a full disk is not
filled further by failures.
"""

import contextlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from holdfast.blobs.port import AppendStore
from holdfast.chunks.open_pack import OpenPack
from holdfast.chunks.port import Location, SealedFrame
from holdfast.model.errors import HoldfastError, Unavailable
from holdfast.model.limits import MIB
from holdfast.packfile.layout import UID_BYTES, PackHeader

PACK_BYTES_MAX_DEFAULT = 64 * MIB
OPEN_PACKS_MAX_DEFAULT = 64


class PackStore(AppendStore, Protocol):
    """What packs need of a blob store: files that grow, and their removal."""

    def delete(self, name: str) -> None: ...


def pack_name(vault_uid: bytes, pack_uid: bytes) -> str:
    """The blob that a pack is: `packs/<vault uid, hex>/<pack uid, hex>`."""
    return f"packs/{vault_uid.hex()}/{pack_uid.hex()}"


class PackSet:
    """Writes groups of frames durably. Safe for many threads, one group at a time."""

    def __init__(
        self,
        blobs: PackStore,
        register: Callable[[bytes, bytes], None],
        *,
        random: Callable[[int], bytes] = os.urandom,
        pack_bytes_max: int = PACK_BYTES_MAX_DEFAULT,
        open_packs_max: int = OPEN_PACKS_MAX_DEFAULT,
    ) -> None:
        """`register` is told vault and pack uid of a new pack, and must have them durable when it returns.

        A pack is closed when the next frame would take it past `pack_bytes_max`; a larger frame has its own pack.
        """
        self._blobs = blobs
        self._register = register
        self._random = random
        self._pack_bytes_max = pack_bytes_max
        self._open_packs_max = open_packs_max
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, OpenPack] = OrderedDict()
        # How many groups with frames in a pack have not ended their transaction yet.
        self._unsettled: Counter[bytes] = Counter()
        self._closed = False

    def write_group(self, frames: Sequence[SealedFrame]) -> list[Location]:
        """Where each frame stands, in the order given; durable on return.

        If it raises (Unavailable), no location of this group may be used: the packs concerned are abandoned, and the
        frames may be written again, into new ones.
        """
        with self._lock:
            if self._closed:
                raise Unavailable("the store is stopping: try again when it is back")
            locations: list[Location | None] = [None] * len(frames)
            for vault, places in by_vault(frames).items():
                try:
                    self._write(vault, places, frames, locations)
                except BaseException:
                    self._abandon(vault)
                    raise
            written = [location for location in locations if location is not None]
            self._unsettled.update({location.pack for location in written})
            return written

    def last_step(self, locations: Sequence[Location]) -> None:
        """Nothing is known of a pack that may still grow."""

    def discard(self, locations: Sequence[Location]) -> None:
        """The packs hold others' frames too: these are dead space in them."""

    def settle(self, locations: Sequence[Location]) -> None:
        """The transaction about these frames has ended."""
        with self._lock:
            self._unsettled -= Counter({location.pack for location in locations})

    def is_open(self, vault: bytes, pack_uid: bytes) -> bool:
        """Whether frames may still be appended to the pack or recorded in it; once False it stays so."""
        with self._lock:
            pack = self._open.get(vault)
            return pack_uid in self._unsettled or (pack is not None and pack.uid == pack_uid)

    def turn_over(self, vault: bytes) -> None:
        """Close the vault's open pack, if there is one: the next frame begins a new one."""
        with self._lock:
            pack = self._open.pop(vault, None)
            if pack is not None:
                pack.close()

    def let_go(self) -> None:
        """Close every open pack: they belong to a writer that has ended."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def close(self) -> None:
        """Let go of all packs. Later groups are refused with Unavailable."""
        self._closed = True
        self.let_go()

    def _write(
        self, vault: bytes, places: list[int], frames: Sequence[SealedFrame], locations: list[Location | None]
    ) -> None:
        start = 0
        while start < len(places):
            pack = self._pack_with_room(vault, frames[places[start]].frame_bytes)
            end, size = start, pack.size
            while end < len(places):
                size += frames[places[end]].frame_bytes
                if size > self._pack_bytes_max and end > start:
                    break
                end += 1
            batch = places[start:end]
            for place, location in zip(batch, pack.append([frames[place] for place in batch]), strict=True):
                locations[place] = location
            pack.sync()
            start = end

    def _pack_with_room(self, vault: bytes, frame_bytes: int) -> OpenPack:
        pack = self._open.get(vault)
        if pack is not None:
            if pack.size + frame_bytes <= self._pack_bytes_max:
                self._open.move_to_end(vault)
                return pack
            self._open.pop(vault).close()
        uid = self._random(UID_BYTES)
        # Known before it exists: whatever happens from here on, no file is left that nobody knows of.
        self._register(vault, uid)
        file = self._blobs.create(pack_name(vault, uid))
        try:
            pack = OpenPack(file, PackHeader(vault, uid))
        except BaseException:
            file.close()
            self._remove(vault, uid)
            raise
        self._open[vault] = pack
        if len(self._open) > self._open_packs_max:
            self._open.popitem(last=False)[1].close()
        return pack

    def _abandon(self, vault: bytes) -> None:
        pack = self._open.pop(vault, None)
        if pack is None:
            return
        pack.close()
        if not pack.acknowledged:
            self._remove(vault, pack.uid)

    def _remove(self, vault: bytes, pack_uid: bytes) -> None:
        # If that fails too it is rubbish that collection finds; the failure that led here is the one to report.
        with contextlib.suppress(HoldfastError):
            self._blobs.delete(pack_name(vault, pack_uid))


def by_vault(frames: Sequence[SealedFrame]) -> dict[bytes, list[int]]:
    """The places of the frames of each vault, in order."""
    places: dict[bytes, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(frame.vault, []).append(place)
    return places

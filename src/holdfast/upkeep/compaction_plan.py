"""Which packs are worth copying, as a decision that looks at numbers and touches nothing."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.catalog.packs import PackRow
from holdfast.model.limits import KIB
from holdfast.packfile.layout import PACK_HEADER_BYTES

THRESHOLD_DEFAULT = 20
"""Hundredths of a pack that must be dead before what lives in it is copied in the background."""

THRESHOLD_ASKED_FOR = 10
"""The same where somebody asks for room: then no measured pack keeps more than a ninth of what lives in it."""

SMALL_PACKS_MIN = 16
"""So many small packs of one vault are worth joining: each start of a process may leave one, in a bucket each group."""
_SMALL_CLASSES = (32 * KIB, 512 * KIB)
"""Only packs of about one size are joined, so that few bytes are copied again with every handful of tiny packs."""


class Reason(StrEnum):
    """Why a pack is compacted."""

    DEAD_SPACE = "dead space"
    OLD_KEY = "old key"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class Choice:
    """A pack to be compacted."""

    pack: PackRow
    reason: Reason

    @property
    def live_bytes(self) -> int:
        """What is to be copied."""
        return max(0, self.pack.total_bytes - PACK_HEADER_BYTES - self.pack.dead_bytes)


def plan(wasteful: Iterable[PackRow], under_old_key: Iterable[PackRow], small: Iterable[PackRow]) -> list[Choice]:
    """The packs in the order in which to take them, each once.

    First those that give back the most for what must be copied, so that a disk that is nearly full gets room early;
    then those whose frames are to be sealed under a newer key; then small ones, where a vault has sixteen or more of
    about one size.
    """
    choices = [Choice(pack, Reason.DEAD_SPACE) for pack in sorted(wasteful, key=_dead_share, reverse=True)]
    choices += [Choice(pack, Reason.OLD_KEY) for pack in under_old_key]
    alike: defaultdict[tuple[int, int], list[PackRow]] = defaultdict(list)
    for pack in small:
        alike[pack.vault_no, bisect(_SMALL_CLASSES, pack.total_bytes)].append(pack)
    choices += [Choice(pack, Reason.SMALL) for packs in alike.values() for pack in _enough(packs)]
    once: dict[int, Choice] = {}
    for choice in choices:
        once.setdefault(choice.pack.pack_no, choice)
    return list(once.values())


def _dead_share(pack: PackRow) -> float:
    return pack.dead_bytes / max(1, pack.total_bytes)


def _enough(packs: Sequence[PackRow]) -> Sequence[PackRow]:
    return packs if len(packs) >= SMALL_PACKS_MIN else ()

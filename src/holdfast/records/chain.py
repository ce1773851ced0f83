"""Which recovery points of a series there are, by what lies in the packs: a decision, without any reading.

Every job builds on the newest recovery point that is kept when it starts. So each kept point is reached from the newest
kept one by going from base to base, and what is not reached was given up (docs/design/rebuild.md has the argument).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast.catalog.findings import FoundManifest


@dataclass(frozen=True, slots=True)
class ChainLink:
    """A recovery point of the new catalog."""

    manifest: FoundManifest
    is_kept: bool
    """False for one that was deleted and whose manifest newer ones build on."""
    order_us: int
    """When it was made, never less than that of an older one of the series, whatever the clock did."""


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What becomes of a series."""

    links: list[ChainLink]
    """In order of seq; the last one is kept."""
    lost: list[FoundManifest]
    """Recovery points that nobody deleted and that cannot be had: something they build on is missing."""
    gaps: list[int]
    """The seqs whose manifests are missing or not whole."""


def plan_series(manifests: Iterable[FoundManifest], deleted: set[str]) -> SeriesPlan:
    """The recovery points of one series, of all manifests found and the UUIDs of deleted points."""
    usable, gaps = _one_for_each_seq(manifests, deleted)
    chain: list[FoundManifest] = []
    seq = _newest(usable.values(), deleted, below=None)
    while seq:
        link = usable.get(seq)
        if link is None:
            gaps.add(seq)
            # What it was built on nobody can say. The newest that is left below is on its chain as far as it was kept.
            seq = _newest(usable.values(), deleted, below=seq)
        else:
            chain.append(link)
            seq = link.base_seq
    chain.reverse()
    return _judged(chain, deleted, sorted(gaps))


def _judged(chain: Sequence[FoundManifest], deleted: set[str], gaps: list[int]) -> SeriesPlan:
    links: list[ChainLink] = []
    lost: list[FoundManifest] = []
    previous_seq, order_us, can_be_had = 0, -(2**62), True
    for manifest in chain:
        if manifest.is_full:
            can_be_had = True
        elif manifest.base_seq != previous_seq:
            can_be_had = False
        is_kept = manifest.point_uid not in deleted
        order_us = max(order_us, manifest.completed_us)
        if can_be_had:
            links.append(ChainLink(manifest, is_kept, order_us))
        elif is_kept:
            lost.append(manifest)
        previous_seq = manifest.seq
    # Nothing builds on deleted points above the last kept one: they are as good as never made.
    while links and not links[-1].is_kept:
        links.pop()
    return SeriesPlan(links, lost, gaps)


def _newest(manifests: Iterable[FoundManifest], deleted: set[str], below: int | None) -> int:
    """The highest seq (below that one) whose recovery point nobody deleted; 0 for none."""
    seqs = (m.seq for m in manifests if m.point_uid not in deleted and (below is None or m.seq < below))
    return max(seqs, default=0)


def _one_for_each_seq(
    manifests: Iterable[FoundManifest], deleted: set[str]
) -> tuple[dict[int, FoundManifest], set[int]]:
    """For each seq the manifest that counts; and those seqs of which it is not whole."""
    of_point: dict[tuple[int, str], list[FoundManifest]] = {}
    for manifest in manifests:
        of_point.setdefault((manifest.seq, manifest.point_uid), []).append(manifest)
    usable: dict[int, FoundManifest] = {}
    spoiled: set[int] = set()
    for (seq, uid), found in sorted(of_point.items(), key=lambda item: (item[0][1] not in deleted, item[0])):
        best = max((m for m in found if m.is_whole), key=_edition, default=None)
        if best is None:
            # A commit that was cut short, or given up: there never was such a recovery point.
            continue
        # A later commit of the job that is not whole may be the one that counted. One that was only being written
        # anew (a full one) never is: the one before it still counts.
        if any(not m.is_whole and not m.is_full and _edition(m) > _edition(best) for m in found):
            if uid not in deleted:
                spoiled.add(seq)
            continue
        usable[seq] = best
    return usable, spoiled.difference(usable)


def _edition(manifest: FoundManifest) -> tuple[int, int]:
    return manifest.edition, manifest.completed_us

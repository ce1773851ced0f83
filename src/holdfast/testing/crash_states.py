"""What a power cut may leave of the files of a crash disk: not every state that a disk could, but of every kind some.

What was synced is there. Of what was not, each piece for itself may be there or not: a write may be kept, lost, torn
between sectors, or only its length may have arrived, in any order; a name that was made, moved or removed may be so or
not, but for one name what came first is kept first. That is what POSIX allows, and more than most file systems do. A
sector (512 bytes) is written whole or not at all.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from holdfast.testing.crash_disk import ROOT, Event, History, Names, Resized, Synced, Tree, Written

SECTOR_BYTES = 512


class Kept(Enum):
    """What of the unsynced is kept."""

    NOTHING = "nothing"
    ALL = "everything"
    NAMES = "names without bytes"
    BYTES = "bytes without names"
    LENGTHS = "names and lengths, with zeros for bytes"
    LAST = "names, and of each file the last write"
    SOME = "some, torn"


@dataclass(slots=True)
class _Model:
    """What is durable, and what is pending on top of it."""

    durable: Tree
    directories: frozenset[int]
    bytes_pending: dict[int, list[Written | Resized]] = field(default_factory=dict)
    names_pending: list[Names] = field(default_factory=list)

    def take(self, event: Event) -> None:
        match event:
            case Written(node) | Resized(node):
                self.bytes_pending.setdefault(node, []).append(event)
            case Names():
                self.names_pending.append(event)
            case Synced(node):
                for change in self.bytes_pending.pop(node, ()):
                    _apply(self.durable.files.setdefault(node, bytearray()), change)
                self._sync_names(node)

    def is_settled(self) -> bool:
        return not self.names_pending and not any(self.bytes_pending.values())

    def _sync_names(self, directory: int) -> None:
        still: list[Names] = []
        for names in self.names_pending:
            if names.changes[-1][0] == directory:
                _name(self.durable, names)
            else:
                still.append(names)
        self.names_pending = still


@dataclass(frozen=True, slots=True)
class CrashState:
    """One state of the directory after a power cut. To be materialised before the next one is asked for."""

    position: int
    """How many events of the history had happened."""
    kept: Kept
    seed: int
    """Of the choices that were made for it."""
    _model: _Model = field(repr=False)

    def materialise(self, directory: Path) -> None:
        """Makes the state in `directory`, which does not exist."""
        dice = random.Random(self.seed)
        tree = Tree(
            self._model.durable.files, {node: dict(names) for node, names in self._model.durable.directories.items()}
        )
        for names in _names_kept(self._model.names_pending, self.kept, dice):
            _name(tree, names)
        self._write(tree, ROOT, directory, dice)

    def _write(self, tree: Tree, node: int, directory: Path, dice: random.Random) -> None:
        directory.mkdir(mode=0o700)
        for name, inner in tree.directories.get(node, {}).items():
            path = directory / name
            if inner in self._model.directories:
                self._write(tree, inner, path, dice)
            else:
                data = bytearray(tree.files.get(inner, b""))
                for change in _bytes_kept(self._model.bytes_pending.get(inner, ()), len(data), self.kept, dice):
                    _apply(data, change)
                path.touch(mode=0o600)
                path.write_bytes(data)


def crash_states(history: History, limit: int, seed: int, *, first: int = 0) -> Iterator[CrashState]:
    """Up to `limit` states, in the order of the moments at which the power fails, none before position `first`.

    With a limit too small for all candidates these are a sample; another seed gives another one.
    """
    dice = random.Random(seed)
    chosen = [candidate for candidate in _candidates(history) if candidate[0] >= first]
    if len(chosen) > limit:
        chosen = sorted(dice.sample(chosen, limit), key=lambda candidate: candidate[0])
    model = _begun(history)
    done = 0
    for position, kept in chosen:
        for event in history.events[done:position]:
            model.take(event)
        done = position
        yield CrashState(position, kept, dice.getrandbits(48), model)


def _candidates(history: History) -> list[tuple[int, Kept]]:
    """Moments and kinds. Where the next event only adds to what is pending, the moment after it says more."""
    model = _begun(history)
    found: list[tuple[int, Kept]] = []
    events = history.events
    for position in range(len(events) + 1):
        if position:
            model.take(events[position - 1])
        worst = position == len(events) or isinstance(events[position], Synced)
        if model.is_settled():
            found.append((position, Kept.NOTHING))
            continue
        found += [(position, Kept.ALL), (position, Kept.SOME)]
        if worst:
            found += [(position, kept) for kept in Kept if kept not in (Kept.ALL, Kept.SOME)]
            found += [(position, Kept.SOME)] * 3
    return found


def _names_kept(pending: Sequence[Names], kept: Kept, dice: random.Random) -> Iterator[Names]:
    share = {Kept.NOTHING: 0.0, Kept.BYTES: 0.0, Kept.SOME: dice.choice((0.1, 0.5, 0.9))}.get(kept, 1.0)
    lost: set[tuple[int, str]] = set()
    for names in pending:
        places = {(directory, name) for directory, name, _ in names.changes}
        if places & lost or dice.random() >= share:
            lost |= places
        else:
            yield names


def _bytes_kept(
    pending: Sequence[Written | Resized], durable_bytes: int, kept: Kept, dice: random.Random
) -> Iterator[Written | Resized]:
    match kept:
        case Kept.NOTHING | Kept.NAMES:
            return
        case Kept.ALL | Kept.BYTES:
            yield from pending
        case Kept.LAST:
            yield from pending[-1:]
        case Kept.LENGTHS:
            for change in pending:
                yield from _length_of(change, durable_bytes)
        case Kept.SOME:
            share = dice.choice((0.1, 0.5, 0.9))
            for change in pending:
                if dice.random() < share:
                    yield change
                elif isinstance(change, Written) and dice.random() < 0.5:
                    yield from _torn(change, dice)
                elif dice.random() < 0.2:
                    yield from _length_of(change, durable_bytes)


def _length_of(change: Written | Resized, durable_bytes: int) -> Iterator[Written | Resized]:
    if isinstance(change, Resized):
        return
    end = change.offset + len(change.data)
    start = max(change.offset, durable_bytes)
    if end > start:
        yield Written(change.node, start, bytes(end - start))


def _torn(change: Written, dice: random.Random) -> Iterator[Written]:
    """Some of the sectors that a write touches."""
    at = change.offset
    end = at + len(change.data)
    while at < end:
        until = min(end, at - at % SECTOR_BYTES + SECTOR_BYTES)
        if dice.random() < 0.5:
            yield Written(change.node, at, change.data[at - change.offset : until - change.offset])
        at = until


def _apply(data: bytearray, change: Written | Resized) -> None:
    if isinstance(change, Resized):
        del data[change.size :]
        data.extend(bytes(change.size - len(data)))
        return
    if len(data) < change.offset:
        data.extend(bytes(change.offset - len(data)))
    data[change.offset : change.offset + len(change.data)] = change.data


def _name(tree: Tree, names: Names) -> None:
    for directory, name, node in names.changes:
        entries = tree.directories.setdefault(directory, {})
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def _begun(history: History) -> _Model:
    before = Tree(
        {node: bytearray(data) for node, data in history.before.files.items()},
        {node: dict(names) for node, names in history.before.directories.items()},
    )
    return _Model(before, frozenset(history.directories))

"""Somebody who works on one source of a store, at random: whole backups, and a mate who joins in.

An actor makes only requests that must succeed, or says beforehand which refusal it would understand; any other error is
a finding. What it does is noted by its hand; whether it was kept is for the checker.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.model.errors import CallerError, NotFound
from torture.beliefs import Job
from torture.content import Content, Piece
from torture.hand import Hand, vault_of
from torture.journal import LedgerJournal

_SEEDS = 48
_LENGTHS = (0, 1, 63, 700, 1500, 2900, 4096, 4097, 9000, 30_000, 90_000)
_SPARSE_INDEXES = (0, 1, 2, 7, 2**40)
_BATCH = 6


def make_pieces() -> None:
    """Make all pieces that actors use, so that processes forked from here have them."""
    for piece in map(_piece, range(_SEEDS)):
        piece.data()
        piece.digest()


def _piece(seed: int) -> Piece:
    return Piece(seed, _LENGTHS[seed % len(_LENGTHS)])


@dataclass(slots=True)
class Actor:
    """One thread's worth of work on `source`."""

    hand: Hand
    journal: LedgerJournal
    source: str
    prefix: str
    """Of the object names that are this actor's alone."""
    dice: random.Random
    life: int = 0
    notes: int = field(default=0)

    def running(self) -> Job | None:
        """The source's job, where there is one that may be written to."""
        with self.journal.lock:
            return self.journal.ledger.running(self.source)

    def touch(self, job: Job) -> None:
        """One change of the job's view, of whatever kind, at random."""
        chosen = self.dice.random()
        if chosen < 0.3:
            self.hand.put(job.uid, self._name(), self._content(small=True))
        elif chosen < 0.55:
            names = {self._name() for _ in range(self.dice.randint(1, _BATCH))}
            batch = {name: self._content(small=True, blob=True) for name in names}
            self.hand.put_all(job.uid, batch)
        elif chosen < 0.85:
            self._upload(job)
        else:
            self._remove(job)

    def _upload(self, job: Job) -> None:
        """An upload in chunks of any order; one in six is left open, and may be finished later, by a later life too."""
        with self.journal.lock:
            left = [item for item in job.uploads.items() if item[1].name.startswith(self.prefix)]
        if left and self.dice.random() < 0.5:
            upload, known = self.dice.choice(left)
            with self.journal.lock:
                pieces = dict(known.chunks)
                doubtful = dict(known.doubtful)
            for index, piece in doubtful.items():
                # Whether or not it arrived: the same chunk again is the same answer.
                self.hand.send(job.uid, upload, index, piece)
                pieces[index] = piece
            name = known.name
        else:
            name = self._name()
            content = self._content(small=False, blob=True)
            upload = self.hand.open(job.uid, name)
            pieces = dict(content.chunks)
            order = self.dice.sample(list(pieces), len(pieces))
            for index in order + order[: self.dice.randint(0, 1)]:
                self.hand.send(job.uid, upload, index, pieces[index], expect=self.dice.random() < 0.3)
            if self.dice.random() < 0.17:
                return
        whole = Content(tuple(sorted(pieces.items())), self._note(), self._blob())
        self.hand.complete(job.uid, upload, name, whole)
        if self.dice.random() < 0.2:
            self.hand.complete_again(job.uid, upload, whole)

    def _remove(self, job: Job) -> None:
        with self.journal.lock:
            names = [name for name in job.view.objects if name.startswith(self.prefix)]
            if not names:
                return
            name = self.dice.choice(sorted(names))
            may_be_absent = None in job.view.possible(name)
        try:
            self.hand.remove(job.uid, name)
        except NotFound:
            if not may_be_absent:
                raise

    def _name(self) -> str:
        return f"{self.prefix}/{self.dice.randrange(14)}" + self.dice.choice(("", "", " ü/\N{SNOWMAN}"))

    def _note(self) -> str | None:
        self.notes += 1
        return None if self.dice.random() < 0.1 else f"{self.life}.{self.prefix}.{self.notes}"

    def _piece(self) -> Piece:
        return _piece(self.dice.randrange(_SEEDS))

    def _blob(self) -> Piece | None:
        return self._piece() if self.dice.random() < 0.3 else None

    def _content(self, *, small: bool, blob: bool = False) -> Content:
        if small:
            chunks = [(0, self._piece())] if self.dice.random() < 0.9 else []
        else:
            indexes = self.dice.sample(_SPARSE_INDEXES, self.dice.randint(1, len(_SPARSE_INDEXES)))
            chunks = [(index, self._piece()) for index in sorted(indexes)]
        return Content(tuple(chunks), self._note(), self._blob() if blob else None)


@dataclass(slots=True)
class Conductor(Actor):
    """The actor who also starts, commits and stops the source's jobs and deletes its points: one for a source."""

    points_max: int = 4

    def backup(self, stopping: Callable[[], bool]) -> None:
        """One job from start to commit, stop, or being left as it is; then deletions."""
        job = self.running()
        if job is None:
            with self.journal.lock:
                token = f"{self.source}.{self.life}.{self.notes}"
            self.notes += 1
            self.hand.start(self.source, token)
            job = self.running()
            assert job is not None
        elif not job.takes_objects() or self.dice.random() < 0.1:
            # A commit may have been on its way: the job takes nothing else until it is ended.
            if self.dice.random() < 0.8:
                self.hand.commit(job.uid)
            else:
                self.hand.stop(job.uid)
            return
        for _ in range(self.dice.randint(1, 12)):
            if stopping():
                return
            self.touch(job)
        if self.dice.random() < 0.1:
            self.hand.stop(job.uid)
        elif self.dice.random() < 0.9:
            self.hand.commit(job.uid)
        self._thin_out()

    def _thin_out(self) -> None:
        with self.journal.lock:
            kept = [point.arn for point in self.journal.ledger.kept(self.source)]
        while len(kept) > self.points_max or (kept and self.dice.random() < 0.15):
            # The newest as often as any other: the next job then builds on an older one.
            arn = kept.pop(self.dice.randrange(len(kept)))
            self.hand.delete(vault_of(self.source), arn)


@dataclass(slots=True)
class Mate(Actor):
    """Writes to whatever job its conductor has running, at the same time, and understands when that ends under it."""

    def join_in(self) -> bool:
        """One change; False where no job runs."""
        job = self.running()
        if job is None or not job.takes_objects():
            return False
        try:
            self.touch(job)
        except CallerError:
            if job.takes_objects():
                raise
        return True

"""Every order of a backup, the deletion of its base, a collection and a reader, with few interruptions, and then some.

An actor can be interrupted before each of its transactions, and whoever reads a chunk also between looking it up and
reading it: so a collection falls between a backup's look-up of a chunk and its reference to it, a compaction between a
reader's look-up and its read, a deletion between any two steps of a collection.
"""

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from holdfast.model.purpose import Purpose
from tests.backends import Backend, Place
from tests.upkeep.turns import Choose, Turns, orders
from tests.upkeep.yard import Yard, noise

OLD, BOTH, ONLY_BASE, DEAD = noise(1, 3000), noise(2, 3000), noise(3, 3000), noise(4, 20_000)


class World:
    """Two kept points of a source, the newer one about to be a base, in a pack that is half dead."""

    def __init__(self, place: Place, actors: Sequence[str]) -> None:
        yard = Yard(place)
        yard.vault()
        job = yard.start("home")
        yard.put_together(job, {"old": OLD, "dead": DEAD, "both": BOTH})
        yard.call("DeleteObject", BackupJobId=job, ObjectName="dead")
        self.first = yard.commit(job)
        self.base = yard.backup("home", {"only": ONLY_BASE}, deleted=["old"])
        self.yard = yard.reopened()
        self.turns = Turns({name: getattr(self, name) for name in actors})
        chunks = self.yard.store.chunks
        chunks.read = self.before(chunks.read)  # type: ignore[method-assign]
        submit = self.yard.commits.submit

        def pausing(frames: object, apply: object, purpose: Purpose = Purpose.CHANGE) -> object:
            if not self.at_once:
                self.turns.pause()
            return submit(frames, apply, purpose)  # type: ignore[arg-type]

        self.yard.commits.submit = pausing  # type: ignore[method-assign,assignment]
        self.at_once = False
        self.restoring = self.yard.restore(self.first)
        self.new: str | None = None
        self.seen: Mapping[str, bytes] = {}

    def before(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        """The same with a pause before it."""

        def pausing(*args: object, **more: object) -> bytes:
            self.turns.pause()
            return read(*args, **more)

        return pausing

    def backup(self) -> None:
        """Inherits from the base and sends again what only the base has, under another name."""
        self.new = self.yard.backup("home", {"copy": ONLY_BASE, "new": b"new"})

    def delete(self) -> None:
        self.yard.delete_point(self.base)

    def collect(self) -> None:
        # The sweep's own steps are put in every order by test_versions; here they are one.
        self.turns.pause()
        self.at_once = True
        while self.yard.collection.sweeping.step(1):
            pass
        self.at_once = False
        self.yard.collect_all()

    def read(self) -> None:
        self.seen = self.yard.contents(self.restoring)

    def check(self) -> None:
        """Nothing kept has lost a byte, and at the end nothing is left over."""
        yard = self.yard
        if self.new is None:
            self.backup()
            assert self.new is not None
        if not self.seen:
            self.read()
        assert self.seen == {"old": OLD, "both": BOTH}
        yard.collect_all()
        yard.check_accounts()
        assert yard.read(self.first) == self.seen
        inherited = yard.read(self.new)
        # Deleted before the backup began, the base was none: the older point was.
        name = "only" if "only" in inherited else "old"
        assert inherited == {"copy": ONLY_BASE, "new": b"new", "both": BOTH, name: ONLY_BASE if name == "only" else OLD}
        assert yard.number("SELECT count(*) FROM chunks WHERE raw_bytes = 20000") == 0
        assert yard.number("SELECT count(*) FROM condemned") == 0
        assert sum(yard.pack_files().values()) < 20_000, "the dead object is still there"
        yard.close()


ALL = ("backup", "delete", "collect", "read")


def player(backend: Backend, tmp_path: Path, actors: Sequence[str] = ALL) -> Callable[[Choose], None]:
    def play(choose: Choose) -> None:
        world = World(backend.place(tmp_path / "world"), actors)
        world.turns.play(choose)
        world.check()
        backend.clear()
        shutil.rmtree(tmp_path / "world", ignore_errors=True)

    return play


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("actors", "interruptions", "at_least"),
    [(("backup", "delete", "collect"), 1, 70), (("delete", "collect", "read"), 1, 50), (("collect", "read"), 2, 20)],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_no_order_with_few_interruptions_loses_a_byte(
    backend: Backend, tmp_path: Path, actors: tuple[str, ...], interruptions: int, at_least: int
) -> None:
    played = ["".join(order) for order in orders(player(backend, tmp_path, actors), interruptions)]
    assert len(set(played)) == len(played) >= at_least


@pytest.mark.parametrize("seed", range(4))
def test_no_order_by_chance_loses_a_byte(backend: Backend, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    play = player(backend, tmp_path)
    # A world costs more on servers.
    for _ in range(8 if backend.is_shared else 25):
        play(lambda waiting, _: dice.choice(waiting))


def test_the_orders_are_all_there_and_each_once() -> None:
    """Of two actors with two turns each, told by hand."""

    def play(choose: Choose) -> None:
        turns: Turns

        def act() -> None:
            turns.pause()

        turns = Turns({"a": act, "b": act})
        turns.play(choose)

    assert sorted("".join(order) for order in orders(play, 0)) == ["aabb", "bbaa"]
    assert sorted("".join(order) for order in orders(play, 1)) == ["aabb", "abba", "baab", "bbaa"]
    assert sorted("".join(order) for order in orders(play, 3)) == ["aabb", "abab", "abba", "baab", "baba", "bbaa"]

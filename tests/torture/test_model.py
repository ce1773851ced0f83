"""The service beside a dictionary: random steps, kills at every moment of a few, and the proof that it would notice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.catalog import chunk_index, recovery_points
from holdfast.packfile.layout import Kind
from tests.backends import Backend, embedded_only
from tests.torture.conftest import Grounds
from torture import model
from torture.compared_store import SOURCES
from torture.content import Content, Piece
from torture.dictionary import Dictionary
from torture.ground import Ground
from torture.killed_life import Step
from torture.model import ServiceBesideDictionary, run, run_examples
from torture.section import Budget
from torture.tampering import frames_in
from torture.troubled_world import POOL, TroubledWorld

SEED = 20261122
SMALL, LARGE = Content(((0, POOL[3]),), "n"), Content(((0, POOL[1]), (1, POOL[4]), (7, POOL[3])), None, POOL[5])
STEPS: list[Step] = [
    ("put", {"source": 0, "name": 0, "content": SMALL, "way": 2}),
    ("put", {"source": 0, "name": 1, "content": LARGE, "way": 0}),
    ("delete", {"source": 0, "name": 2}),
    ("commit", {"source": 0, "drop": True}),
    ("delete_point", {"source": 0, "choice": 0}),
    ("start", {"source": 2}),
    ("abort", {"source": 0}),
]


BLOWS = {"embedded": 9, "shared": 3}
"""Of nine moments each: a life that begins in a process of its own takes longer."""
EXAMPLES = {"embedded": (10, 40), "shared": (2, 20)}
"""How many, of how many steps each; everything is compared after each step."""


@pytest.fixture
def world(ground: Ground) -> Iterator[TroubledWorld]:
    world = TroubledWorld(ground)
    world.backup(0, {0: LARGE, 2: SMALL})
    world.backup(0, {1: SMALL})
    world.check()
    yield world
    world.close()


def test_random_steps_leave_the_service_and_the_dictionary_alike(backend: Backend, grounds: Grounds) -> None:
    ServiceBesideDictionary.done.clear()
    count, steps = EXAMPLES[backend.kind]
    run_examples(count, SEED, steps=steps, shrink=False, ground=grounds)
    assert ServiceBesideDictionary.done["steps"] > count * steps // 2


@pytest.mark.parametrize("first", range(1, 82, 9))
def test_a_kill_at_any_moment_leaves_all_or_nothing_of_a_request(
    world: TroubledWorld, first: int, backend: Backend
) -> None:
    for blow in range(first, first + BLOWS[backend.kind]):
        world.kill(STEPS, blow)
        world.check()


def damage(world: TroubledWorld, piece: Piece) -> None:
    """Every frame of that chunk in the first source's vault."""
    keys = world.inside.system.keys
    packs = map(world.ground.read_blob, world.inside.packs())
    chunks = [frame for pack in packs for frame in frames_in(pack) if frame.header.kind == Kind.CHUNK]
    for place, frame in enumerate(chunks):
        if frame.header.frame_id == keys.open(frame.header.vault).chunk_id(piece.digest()):
            world.corrupt(choice=place, place=150, bit=3, record=False)


def test_damage_is_an_error_until_the_bytes_are_sent_again(world: TroubledWorld) -> None:
    damage(world, POOL[3])
    world.check()
    assert world.model.damaged[SOURCES[0][0]] == {POOL[3]: True}
    world.heal(choice=0, name=3, way=1)
    world.check()
    assert world.model.damaged[SOURCES[0][0]] == {}
    assert world.model.healed == 1


def test_it_notices_an_object_that_is_missing(world: TroubledWorld) -> None:
    world.inside.call("DeleteObject", BackupJobId=started(world), ObjectName="a")
    with pytest.raises(AssertionError, match="ListObjects"):
        world.check()


def test_it_notices_other_bytes_under_a_name(world: TroubledWorld) -> None:
    world.inside.put(started(world), "a", SMALL)
    with pytest.raises(AssertionError, match="GetObjects a"):
        world.check()


def test_it_notices_a_point_that_stays(world: TroubledWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_points, "delete", lambda tx, point: True)
    with pytest.raises(AssertionError, match="NotFound was to be the answer"):
        world.delete_point(source=0, choice=0)


def test_it_notices_damage_that_is_not_healed(world: TroubledWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_index, "mark_bad", lambda tx, chunk: None)
    damage(world, POOL[3])
    world.check()
    world.heal(choice=0, name=3, way=1)
    with pytest.raises(AssertionError, match="GetChunk"):
        world.check()


def test_it_notices_damage_that_nobody_made(world: TroubledWorld) -> None:
    damage(world, POOL[3])
    world.model.damaged.clear()
    with pytest.raises(AssertionError, match=r"fails its authentication|checksum does not match"):
        world.check()


@embedded_only("the life inherits the defect by a fork, which a process that used a bucket cannot do")
def test_it_notices_an_acknowledgement_that_comes_too_early(
    world: TroubledWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_early(self: TroubledWorld, call: Callable[[], Any], change: Callable[[Dictionary, Any], None]) -> None:
        change(self.model, None)
        self.after()
        call()

    def killed_again_and_again() -> None:
        for blow in range(1, 40):
            world.kill([STEPS[0]], blow)
            world.check()

    world.start(0)
    monkeypatch.setattr(TroubledWorld, "_deed", too_early)
    with pytest.raises(AssertionError, match=r"neither the state before|ListObjects"):
        killed_again_and_again()


def test_the_section_counts_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "EXAMPLES_PER_ROUND", 1)
    said: list[str] = []
    figures = run(Budget(seconds=0, seed=SEED, folder=tmp_path, rounds_min=1), said.append)
    assert figures.losses == ()
    assert figures.counts["steps, each with everything compared"] > 0
    assert len(said) == 1
    assert list(tmp_path.iterdir()) == []


def started(world: TroubledWorld) -> str:
    world.start(0)
    running = world.model.series[SOURCES[0]].running
    assert running is not None
    return running.job

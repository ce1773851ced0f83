"""`holdfast migrate` is killed at random moments, again and again, there and back."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.app.moving_marks import Mark, UnfinishedCopy, WasMoved, read
from holdfast.app.places import open_catalog
from holdfast.catalog import freezes
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place, fill

# The command, in a process that kills itself when progress is told for the so-manieth time.
_SUICIDE = """
import os, signal, sys
from holdfast.app import moving
told, left = moving.migrate, int(sys.argv.pop(1))
def dying(*ends, progress, **more):
    def count(*what):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        progress(*what)
    return told(*ends, progress=count, **more)
moving.migrate = dying
from holdfast.cli.main import main
main()
"""


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


def run(source: Place, target: Place, elsewhere: Elsewhere, *, seconds: float | None = None, told: int = 0) -> int:
    """Moves, and kills the process after so many seconds or so many words of progress. Its exit code."""
    words = [*source.arguments("from"), *target.arguments("to"), "--verify", "all", "--quiet", "--threads", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", _SUICIDE, str(told), "migrate", *words],
        env={**os.environ, **elsewhere.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), output
    return process.returncode


def mark_of(place: Place) -> Mark | None:
    if place.options.catalog is None and not (place.folder / "catalog").exists():
        return None
    with closing(open_catalog(place.options)) as catalog, catalog.snapshot() as tx:
        return read(freezes.standing(tx))


Found = Counter[str]


def move_under_fire(source: Place, target: Place, elsewhere: Elsewhere, dice: random.Random, kills: int) -> Found:
    """Moves the store although it is killed so many times; what stood at both ends after each kill."""
    with source.opened():
        before = source.says()
    found: Found = Counter()
    seconds = 1.0
    while found.total() < kills and not isinstance(mark_of(source), WasMoved):
        if dice.randrange(2):
            run(source, target, elsewhere, seconds=dice.uniform(0.3, seconds))
            seconds *= 1.1
        else:
            run(source, target, elsewhere, told=dice.randrange(1, 60))
        there, here = mark_of(source), mark_of(target)
        found[f"{type(there).__name__} -> {type(here).__name__}"] += 1
        # Never do both take changes; and what the source holds is all there, whatever it says.
        is_begun = (target.folder / "moving.journal").exists()
        assert isinstance(there, WasMoved) or isinstance(here, UnfinishedCopy) or not is_begun, found
        with source.opened():
            assert source.says() == before
    assert run(source, target, elsewhere) == 0
    assert isinstance(mark_of(source), WasMoved) and mark_of(target) is None
    with target.opened():
        assert target.says() == before
    return found


def there_and_back(folder: Path, elsewhere: Elsewhere, seed: int, kills: int) -> Found:
    dice = random.Random(seed)
    store = Place.embedded(folder / "store")
    held = fill(store, 6)
    node = elsewhere.place(folder / "node", store.clock)
    found = move_under_fire(store, node, elsewhere, dice, kills)
    back = Place.embedded(folder / "back", store.clock)
    found += move_under_fire(node, back, elsewhere, dice, kills)
    with back.opened():
        held.read_on(back)
        held.finish(back)
        assert back.damages() == []
    return found


@pytest.mark.timeout(600)
def test_a_move_that_is_killed_again_and_again_arrives(elsewhere: Elsewhere, tmp_path: Path) -> None:
    there_and_back(tmp_path, elsewhere, seed=4, kills=4)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_a_move_is_killed_many_times(elsewhere: Elsewhere, tmp_path: Path, seed: int) -> None:
    found = there_and_back(tmp_path, elsewhere, seed=seed, kills=15)
    assert found["BeingMoved -> UnfinishedCopy"]

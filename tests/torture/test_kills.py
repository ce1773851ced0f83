"""A few hundred kills; `make torture` does ten thousand and more."""

from pathlib import Path

from tests.backends import Backend, shared_only
from tests.torture.conftest import Grounds
from torture import kills
from torture.ground import SharedGround
from torture.section import Budget


def test_a_store_that_is_killed_again_and_again_keeps_everything_it_acknowledged(tmp_path: Path) -> None:
    figures = kills.run(Budget(0, seed=20261101, folder=tmp_path, processes=2, rounds_min=200), print)
    assert figures.losses == ()
    assert figures.counts["kills"] >= 200
    assert figures.counts["acknowledgements"] > figures.counts["kills"]


@shared_only("the other one forks processes that have a store in a directory")
def test_a_shared_store_whose_nodes_are_killed_again_and_again_keeps_everything_it_acknowledged(
    backend: Backend, grounds: Grounds, tmp_path: Path
) -> None:
    assert backend.is_shared
    lanes = [ground for name in "ab" if isinstance(ground := grounds(tmp_path / name), SharedGround)]
    figures = kills.run_shared(Budget(0, seed=20261128, folder=tmp_path / "lanes", rounds_min=40), print, lanes)
    assert figures.losses == ()
    assert figures.counts["kills"] >= 40
    assert figures.counts["acknowledgements"] > figures.counts["kills"]

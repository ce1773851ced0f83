"""A few hundred kills; `make torture` does ten thousand and more."""

from pathlib import Path

from torture import kills
from torture.section import Budget


def test_a_store_that_is_killed_again_and_again_keeps_everything_it_acknowledged(tmp_path: Path) -> None:
    figures = kills.run(Budget(0, seed=20261101, folder=tmp_path, processes=2, rounds_min=200), print)
    assert figures.losses == ()
    assert figures.counts["kills"] >= 200
    assert figures.counts["acknowledgements"] > figures.counts["kills"]

"""A handful of power cuts; `make torture` makes thousands."""

from pathlib import Path

import pytest

from torture import power_cuts
from torture.section import Budget


def test_a_store_whose_power_is_cut_again_and_again_keeps_everything_it_acknowledged(tmp_path: Path) -> None:
    figures = power_cuts.run(Budget(0, seed=20261102, folder=tmp_path, rounds_min=25), print)
    if figures.skipped:
        pytest.skip(figures.skipped)
    assert figures.losses == ()
    assert figures.counts["power cuts"] >= 25
    assert figures.counts["acknowledgements"] > figures.counts["power cuts"]

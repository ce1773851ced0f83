"""A few hundred power cuts in thought; `make torture` tries many more."""

import os
from pathlib import Path

import pytest

from torture import crash_states
from torture.section import Budget


@pytest.mark.parametrize("seed", [1, None])
def test_whatever_a_power_cut_leaves_holds_what_was_acknowledged(tmp_path: Path, seed: int | None) -> None:
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    figures = crash_states.run(Budget(0, seed, tmp_path, rounds_min=120), print)
    assert figures.losses == (), f"seed {seed}"
    assert figures.counts["crash states"] >= 120
    assert figures.counts["objects read back"] > 100

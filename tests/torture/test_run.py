"""A run says what its sections found, whatever becomes of them."""

import sys
from pathlib import Path

import pytest

from torture import page, run
from torture.page import markdown, summary, write
from torture.schedule import ENTRIES, RUN_SECONDS, Entry, run_all
from torture.section import Budget, Figures


def sections(*names: str) -> list[Entry]:
    return [Entry(f"tests.torture.sections.{name}", 1.0, processes=1 + number % 2) for number, name in enumerate(names)]


def test_every_section_gives_figures_and_none_takes_the_others_along(tmp_path: Path) -> None:
    said: list[str] = []
    entries = sections("passes", "loses", "skips", "dies", "falls_over")
    found = run_all(entries, 1.0, seed=5, folder=tmp_path, processors=2, report=said.append)
    assert [figures.passed for figures in found] == [True, False, True, False, False]
    assert found[0].counts == {"things done": 1234}
    assert found[1].losses == ("seed 5: everything is gone",)
    assert found[2].skipped == "there is no such machine"
    assert "status -9" in found[3].losses[0]
    assert "a defect of the section" in found[4].losses[0]
    assert "nothing with 1 processes" in said


def test_a_loss_is_told_kept_and_ends_the_run_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "ENTRIES", sections("passes", "loses"))
    monkeypatch.setattr(run, "DRAFT", tmp_path / "draft.md")
    monkeypatch.setattr(sys, "argv", ["run", "--seed", "7", "--folder", str(tmp_path / "stores")])
    assert run.main() == 1
    assert "LOST in loser: seed 7: everything is gone" in capsys.readouterr().err
    assert (tmp_path / "stores").is_dir()
    assert "wrong bytes served: **1**" in (tmp_path / "draft.md").read_text()


def test_a_run_without_losses_ends_with_0_and_leaves_nothing_but_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ENTRIES", sections("passes", "skips"))
    monkeypatch.setattr(run, "DRAFT", tmp_path / "draft.md")
    monkeypatch.setattr(run, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(sys, "argv", ["run", "--folder", str(tmp_path / "stores"), "--write"])
    assert run.main() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draft.md", "page.md"]


def test_the_page_keeps_what_people_wrote_around_the_table(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    figures = [Figures("kill -9", {"kills": 12345}), Figures("power cuts", skipped="no root")]
    write(file, markdown(figures, 1000, 1, "make torture"))
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| kill -9 | 12,345 kills |" in text and "| not run: no root |" in text
    assert summary(figures).splitlines()[1].startswith("power cuts: skipped")


def test_the_page_of_the_project_has_its_marks() -> None:
    text = page.PAGE.read_text()
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_every_section_of_a_run_is_there_and_they_fit_into_its_time() -> None:
    assert [entry.module for entry in ENTRIES if not entry.there()] == []
    assert sum(entry.seconds * entry.processes for entry in ENTRIES) <= 2 * RUN_SECONDS


def test_a_budget_goes_on_while_there_is_time_or_too_little_was_done(tmp_path: Path) -> None:
    assert Budget(3600, 1, tmp_path).goes_on(10**9)
    assert Budget(0, 1, tmp_path, rounds_min=2).goes_on(1)
    assert not Budget(0, 1, tmp_path, rounds_min=2).goes_on(2)

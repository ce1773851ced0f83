"""The journal of a move: what a crash may leave of it costs copying again, and never a wrong belief."""

from contextlib import closing
from pathlib import Path

from holdfast.app.moving_journal import JOURNAL_NAME, Entry, Journal, forget

SUM = bytes(range(32))


def test_what_was_noted_is_found_by_the_same_move(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, "one")) as journal:
        journal.note("packs/a/b", 10, SUM)
        journal.note("packs/a/b", 12, SUM)
        journal.note("packs/a/c", 5, SUM)
        journal.forget("packs/a/c")
    with closing(Journal(tmp_path, "one")) as journal:
        assert journal.find("packs/a/b") == Entry("packs/a/b", 12, SUM)
        assert journal.find("packs/a/c") is None


def test_what_another_move_noted_is_forgotten(tmp_path: Path) -> None:
    with closing(Journal(tmp_path, "one")) as journal:
        journal.note("packs/a/b", 10, SUM)
    with closing(Journal(tmp_path, "other")) as journal:
        assert journal.find("packs/a/b") is None
    with closing(Journal(tmp_path, "one")) as journal:
        assert journal.find("packs/a/b") is None


def test_wherever_it_is_cut_off_the_lines_before_count_and_what_is_noted_then(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_NAME
    with closing(Journal(tmp_path, "one")) as journal:
        for name in ("a", "b", "c"):
            journal.note(name, 10, SUM)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with closing(Journal(tmp_path, "one")) as journal:
            found = [name for name in ("a", "b", "c") if journal.find(name) is not None]
            assert found == ["a", "b", "c"][: len(found)]
            assert len(found) >= whole[:length].count(b"\n") - 1
            journal.note("d", 1, SUM)
        with closing(Journal(tmp_path, "one")) as journal:
            assert journal.find("d") is not None


def test_any_bytes_are_taken_for_nothing_at_worst(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_NAME).write_bytes(b"\xff\x00 rubbish\n{}\n")
    with closing(Journal(tmp_path, "one")) as journal:
        assert journal.find("a") is None


def test_when_the_move_is_over_it_goes(tmp_path: Path) -> None:
    Journal(tmp_path, "one").close()
    forget(tmp_path)
    forget(tmp_path)
    assert not (tmp_path / JOURNAL_NAME).exists()

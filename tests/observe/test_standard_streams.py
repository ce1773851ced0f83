"""Programs that are started without the descriptors that every program has."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from holdfast.cli.main import run

OPENING = """
    import os, sys
    from holdfast.observe import standard_streams
    standard_streams.open_missing()
    with open(sys.argv[1], "w") as file:
        number = file.fileno()
        print("for a person")
        print("for a person", file=sys.stderr)
        os.write(1, b"as well")
        assert sys.stdin.read() == ""
        file.write(f"{number > 2}")
"""


def test_no_file_ever_gets_a_descriptor_that_is_meant_for_a_person(tmp_path: Path):
    file = tmp_path / "data"
    command = [sys.executable, "-c", textwrap.dedent(OPENING), str(file)]
    ran = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
    assert ran.returncode == 0
    assert file.read_text() == "True"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that is there already: of a new one more is said."""
    assert run(["vault", "create", "photos", "--store", str(tmp_path / "store")]) == 0
    return tmp_path / "store"


def started(redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdfast", *arguments]
    return subprocess.run(["sh", "-c", f'exec "$@" {redirections}', "sh", *command], capture_output=True, text=True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_command_with_a_closed_stream_does_its_work(store: Path, closed: str):
    ran = started(closed, "vault", "list", "--store", str(store))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ("photos" in ran.stdout) is (closed != ">&-")


@pytest.mark.parametrize("arguments", [["--help"], ["vault", "list"]])
def test_output_that_cannot_be_written_is_exit_code_1_and_one_line(store: Path, arguments: list[str]):
    ran = started(">/dev/full", *arguments, *(["--store", str(store)] if len(arguments) > 1 else []))
    assert ran.returncode == 1
    assert ran.stderr.startswith("holdfast: the output cannot be written: No space left on device")
    assert ran.stderr.count("\n") == 1


def test_a_complaint_that_cannot_be_written_leaves_the_exit_code(tmp_path: Path):
    assert started("2>/dev/full", "nonsense").returncode == 2
    assert started("2>/dev/full", "vault", "show", "nope", "--store", str(tmp_path / "store")).returncode == 1


def test_a_reader_that_has_seen_enough_is_the_conventional_exit_code_and_no_words(tmp_path: Path):
    said = tmp_path / "said"
    code = f'"$0" -m holdfast serve --help 2>{said} | true; echo "${{PIPESTATUS[0]}}"'
    ran = subprocess.run(["bash", "-c", code, sys.executable], capture_output=True, text=True)
    assert (ran.stdout, said.read_text()) == ("141\n", "")

"""Everything that commands write goes through one door, which lets nothing through but text."""

import ast
import io
import json
from pathlib import Path

import pytest

import holdfast.cli
from holdfast.agent.progress import shown
from holdfast.cli import output

EVIL = "\x1b[2J\u009b\u202e\u2028\udcff\n"
SEEN = "\\x1b[2J\\u009b\\u202e\\u2028\\xff\\x0a"
WRITES_BY_ITSELF = {
    "output.py": "the door",
    "help.py": "shows our own words",
    "env.py": "prints commands for a shell, which must be exact",
    "key.py": "prints a bundle, which must be exact",
}


def test_every_line_for_people_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(EVIL)
    output.print_table(("A", "B"), [(EVIL, 1), (None, EVIL)])
    output.print_facts((("name", EVIL),))
    output.warn(EVIL)
    output.warn_missing([EVIL], "source")
    output.note("ours\n" + EVIL)
    output.complain("ours\n" + EVIL)
    output.show_progress(EVIL)
    written = capsys.readouterr()
    assert written.out.count(SEEN) == 4
    assert not {"\u009b", "\u202e", "\u2028", "\udcff"} & set(written.out + written.err)
    assert "\x1b" not in written.out
    # One is ours: it removes the line of progress before.
    assert written.err.count("\x1b") == 1
    assert len(written.out.splitlines()) == 5


def test_json_is_exact_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = EVIL.replace("\udcff", "") + "\x7f\U000e0041\u00e9"
    output.print_json({"Name": name})
    output.print_json_line({"Name": name})
    written = capsys.readouterr().out
    assert not {"\x1b", "\u009b", "\u202e", "\u2028", "\x7f", "\U000e0041"} & set(written)
    assert "\u00e9" in written
    indented, _, line = written.partition("}\n")
    assert json.loads(indented + "}") == json.loads(line) == {"Name": name}


def test_a_line_of_progress_is_text_whatever_stands_in_it() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with shown("[red]title\u009b", lambda: "[bold]\u202e", quiet=False, stream=stream):
        pass
    assert "[red]title\\u009b" in stream.getvalue()
    assert not {"\u009b", "\u202e"} & set(stream.getvalue())


def test_no_command_writes_past_the_door() -> None:
    folder = Path(holdfast.cli.__file__).parent
    past = [
        f"{file.name}:{node.lineno}"
        for file in sorted(folder.glob("*.py"))
        if file.name not in WRITES_BY_ITSELF
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in ("print_exc", "write", "writelines"))
    ]
    assert past == []

"""What may be shown of other people's text, and how the rest is written."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.model.printable import printable, printable_json, printable_lines

STEERING = {"Cc", "Cs", "Zl", "Zp"}
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("\u00e9 \u65e5\u672c\u8a9e \u05d0 \U0001f469\u200d\U0001f680 a\u202fb", None),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("ev\u009b2Jil\x7f\x80", "ev\\u009b2Jil\\x7f\\u0080"),
        ("a\u202etxt.exe\u2066\u2069", "a\\u202etxt.exe\\u2066\\u2069"),
        ("one\ntwo\r\u2028three\u2029", "one\\x0atwo\\x0d\\u2028three\\u2029"),
        ("\ud800 \udcff", "\\ud800 \\xff"),
        ("\ufeff\U000e0041\u200b", "\\ufeff\\U000e0041\\u200b"),
    ],
)
def test_what_steers_or_hides_is_written_as_an_escape(text: str, shown: str | None) -> None:
    assert printable(text) == (text if shown is None else shown)


@settings(max_examples=300, deadline=None, database=None)
@given(st.text(st.characters(), max_size=20))
def test_nothing_that_steers_a_terminal_or_turns_text_round_is_left(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(one) in STEERING or unicodedata.bidirectional(one) in TURNING for one in shown)
    shown.encode()
    assert printable(shown) == shown
    assert printable_lines(f"{text}\n{text}") == "\n".join(printable(line) for line in f"{text}\n{text}".split("\n"))


@settings(max_examples=300, deadline=None, database=None)
@given(st.text(max_size=20), st.sampled_from([None, 2]))
def test_json_says_the_same_and_shows_nothing_that_steers(text: str, indent: int | None) -> None:
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=indent)
    shown = printable_json(document)
    assert json.loads(shown) == {text: [text]}
    assert printable_lines(shown) == shown

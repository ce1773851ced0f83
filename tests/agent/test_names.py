"""Object names: one to one with file names, whatever bytes those are made of."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.agent import names
from holdfast.model.errors import InvalidInput
from holdfast.model.names import check_object_name

_file_names = st.binary(min_size=1, max_size=255).filter(
    lambda raw: b"\0" not in raw and b"/" not in raw and raw not in (b".", b"..")
)


@given(_file_names)
def test_every_file_name_comes_back_as_it_was(raw: bytes) -> None:
    name = names.escape_bytes(raw)
    assert names.unescape(name) == raw
    assert names.escape(os.fsdecode(raw)) == name
    assert check_object_name(name) == name


def test_every_single_byte_and_every_pair_of_odd_bytes_comes_back() -> None:
    for first in range(1, 256):
        for second in (0x5C, 0x78, 0x7F, 0x80, 0xC2, 0xED, 0xFF):
            raw = bytes((first, second))
            if b"/" not in raw:
                assert names.unescape(names.escape_bytes(raw)) == raw


@given(_file_names, _file_names)
def test_two_file_names_never_share_an_object_name(one: bytes, other: bytes) -> None:
    assert (names.escape_bytes(one) == names.escape_bytes(other)) == (one == other)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"plain name.txt", "plain name.txt"),
        ("Übung ☃".encode(), "Übung ☃"),
        (b"back\\slash", r"back\\slash"),
        (b"caf\xe9", r"caf\xe9"),
        (b"line\nbreak", r"line\x0abreak"),
        ("next\u0085line".encode(), r"next\xc2\x85line"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
    ],
)
def test_the_escapes_are_those_of_the_format(raw: bytes, name: str) -> None:
    assert names.escape_bytes(raw) == name


@pytest.mark.parametrize(
    "component",
    ["", ".", "..", r"\x2e\x2e", r"\x2e", r"\x2f", r"\x00", "\\", r"\x4", r"\xFF", r"\x41", r"\n", "a\x07", "a\x00b"],
)
def test_what_escape_never_writes_is_refused(component: str) -> None:
    with pytest.raises(InvalidInput):
        names.unescape(component)


@pytest.mark.parametrize("name", ["/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/./b", r"a/\x2e\x2e/b", "//"])
def test_a_name_that_is_no_relative_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.components(name)


@pytest.mark.parametrize("name", ["/a", "a//b", "..", "a/../b", "a/\0b", ""])
def test_a_foreign_name_that_is_no_relative_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.foreign_components(name)


def test_the_root_has_no_components() -> None:
    assert names.components("/") == ()
    assert names.object_name(b".") == names.object_name(b"") == "/"
    assert names.object_name(b"./a//b/") == "a/b"

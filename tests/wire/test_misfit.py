import pytest

from holdfast.wire.misfit import shorten


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"/a/b", "'/a/b'"),
        (b"\xff/", "'\\\\xff/'"),
        ("a", "'a'"),
        (None, "null"),
        (True, "true"),
        (7, "7"),
        ([1, 2], "a list of 2"),
    ],
)
def test_values_are_shown_as_clients_wrote_them_and_not_as_python_spells_them(value: object, shown: str):
    assert shorten(value) == shown


def test_long_bytes_are_cut_and_counted():
    shown = shorten(b"x" * 5000)
    assert len(shown) < 150
    assert shown.startswith("'xxx")
    assert shown.endswith("(5000 bytes)")

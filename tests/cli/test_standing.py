"""What a person reads while a whole store is worked on."""

import pytest

from holdfast.cli.standing import Standing


def test_before_anything_is_reported_the_beginning_is_shown():
    assert Standing("looking at both places").line() == "looking at both places"


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (("bytes copied", 3 << 20, 5 << 30), "3.0 MiB of 5.0 GiB copied"),
        (("bytes copied", 3 << 20, 0), "3.0 MiB copied"),
        (("bytes copied", 0, 5 << 30), "0 B of 5.0 GiB copied"),
        (("rows copied", 12_000, 1_000_000), "12,000 of 1,000,000 rows copied"),
        (("rows copied", 12_000, 0), "12,000 rows copied"),
        (("chunks looked up", 0, 0), "chunks looked up"),
    ],
)
def test_a_step_is_shown_in_its_own_unit_and_without_a_total_that_nobody_knows(step, line):
    standing = Standing("looking")
    standing.show(*step)
    assert standing.line() == line

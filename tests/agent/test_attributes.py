"""Metadata strings: compact, and the same after a round trip."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.agent.attributes import describe, parse
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import METADATA_STRING_BYTES_MAX
from holdfast.model.names import check_metadata_string

_time = st.integers(-(2**127), 2**127 - 1)  # a kernel reports 64-bit seconds, so nanoseconds need more
_long = st.integers(0, 2**64 - 1)
_id = st.integers(0, 2**64 - 1)
_kinds = {
    "f": stat.S_IFREG,
    "d": stat.S_IFDIR,
    "l": stat.S_IFLNK,
    "p": stat.S_IFIFO,
    "c": stat.S_IFCHR,
    "b": stat.S_IFBLK,
}


class _Status:
    def __init__(self, **values: int) -> None:
        self.__dict__.update(values)


@given(
    kind=st.sampled_from("fdlpcb"),
    permissions=st.integers(0, 0o7777),
    uid=_id,
    gid=_id,
    size=_long,
    mtime=_time,
    ctime=_time,
    inode=_long,
    device=_long,
    links=st.integers(1, 2**32),
    special=_long,
)
def test_every_status_comes_back_and_fits(
    kind: str,
    permissions: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    ctime: int,
    inode: int,
    device: int,
    links: int,
    special: int,
) -> None:
    status = _Status(
        st_mode=_kinds[kind] | permissions,
        st_uid=uid,
        st_gid=gid,
        st_size=size,
        st_mtime_ns=mtime,
        st_ctime_ns=ctime,
        st_ino=inode,
        st_dev=device,
        st_nlink=links,
        st_rdev=special,
    )
    text = describe(status, kind)  # type: ignore[arg-type]
    assert len(check_metadata_string(text)) <= METADATA_STRING_BYTES_MAX
    found = parse(text)
    assert found is not None
    assert (found.kind, found.mode, found.uid, found.gid) == (kind, _kinds[kind] | permissions, uid, gid)
    assert (found.mtime_ns, found.ctime_ns, found.inode) == (mtime, ctime, inode)
    assert found.size == (size if kind in "fl" else 0)
    assert found.link == (f"{device}:{inode}" if links > 1 and kind != "d" else None)
    assert found.device == ((os.major(special), os.minor(special)) if kind in "cb" else None)


def test_an_unchanged_file_has_the_string_that_every_version_wrote() -> None:
    status = _Status(
        st_mode=0o100644,
        st_uid=1000,
        st_gid=100,
        st_size=5,
        st_mtime_ns=7,
        st_ctime_ns=8,
        st_ino=9,
        st_dev=3,
        st_nlink=2,
    )
    assert describe(status, "f") == "hf1 f 100644 1000 100 5 7 8 9 h=3:9"  # type: ignore[arg-type]


def test_what_others_wrote_is_not_ours() -> None:
    for text in (
        None,
        "",
        "mode=644",
        "hf",
        "hf1",
        "hfe1 c2VjcmV0",
        "hf f 100644 0 0 1 2 3 4",
    ):
        assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "hf1 ",
        "hf1 f 100644 0 0 1 2 3",
        "hf1 f 100644 0 0 1 2 3 4 ",
        "hf1 f 40755 0 0 1 2 3 4",
        "hf1 f 7777777 0 0 1 2 3 4",
        "hf1 f 100644 0 0 1 \u0662 3 4",
        f"hf1 f 100644 0 0 1 {10**40} 3 4",
        "hf0 f 100644 0 0 1 2 3 4",
    ],
)
def test_our_mark_before_what_cannot_be_read_is_damage_and_never_another_clients(text: str) -> None:
    with pytest.raises(InvalidInput, match="attributes are damaged"):
        parse(text)


@pytest.mark.parametrize("mark", ["hf2", "hf10"])
def test_a_later_version_of_the_format_is_named_as_one(mark: str) -> None:
    with pytest.raises(InvalidInput, match=f"newer Holdfast \\({mark}\\)"):
        parse(f"{mark} whatever a later version writes")


def test_a_file_to_be_read_again_never_equals_itself_as_scanned(tmp_path: "os.PathLike[str]") -> None:
    status = os.stat(tmp_path)
    assert describe(status, "f") != describe(status, "f", read_again=True)

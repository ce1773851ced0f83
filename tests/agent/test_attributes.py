"""Metadata strings: compact, and the same after a round trip."""

import os
import stat

from hypothesis import given
from hypothesis import strategies as st

from holdfast.agent.attributes import describe, parse
from holdfast.model.limits import METADATA_STRING_BYTES_MAX
from holdfast.model.names import check_metadata_string

_time = st.integers(-(2**63), 2**63 - 1)
_long = st.integers(0, 2**64 - 1)
_id = st.integers(0, 2**32 - 1)
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
    special=st.tuples(st.integers(0, 4095), st.integers(0, 2**20 - 1)),
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
    special: tuple[int, int],
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
        st_rdev=os.makedev(*special),
    )
    text = describe(status, kind)  # type: ignore[arg-type]
    assert len(check_metadata_string(text)) <= METADATA_STRING_BYTES_MAX
    found = parse(text)
    assert found is not None
    assert (found.kind, found.mode, found.uid, found.gid) == (kind, _kinds[kind] | permissions, uid, gid)
    assert (found.mtime_ns, found.ctime_ns, found.inode) == (mtime, ctime, inode)
    assert found.size == (size if kind in "fl" else 0)
    assert found.link == (f"{device}:{inode}" if links > 1 and kind != "d" else None)
    assert found.device == (special if kind in "cb" else None)


def test_what_others_wrote_is_not_ours() -> None:
    for text in (
        None,
        "",
        "mode=644",
        "hf2 f 100644 0 0 1 2 3 4",
        "hf1 f 100644 0 0 1 2 3",
        "hf1 f 100644 0 0 1 2 3 4 ",
    ):
        assert parse(text) is None


def test_a_file_to_be_read_again_never_equals_itself_as_scanned(tmp_path: "os.PathLike[str]") -> None:
    status = os.stat(tmp_path)
    assert describe(status, "f") != describe(status, "f", read_again=True)

"""What a file is besides its contents comes back: attributes of all namespaces, access lists, flags, links, owners."""

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.agent import acl, inode_flags, xattrs
from holdfast.agent.attributes import parse
from holdfast.agent.exchange import listing
from holdfast.agent.job import claim
from holdfast.agent.restore_attributes import give
from holdfast.agent.root import top_object
from holdfast.agent.xattrs import MetadataBlob
from holdfast.model import checksum
from tests.agent.rig import SOURCE, Rig

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may set these")


def access_list(group: int, mask: int) -> bytes:
    """A POSIX access list as the kernel stores it: owner rw, user 65534 rwx, the owning group, mask, others nothing."""
    nobody, none = 65534, 0xFFFFFFFF
    entries = ((0x01, 6, none), (0x02, 7, nobody), (0x04, group, none), (0x10, mask, none), (0x20, 0, none))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def set_or_skip(path: Path, name: str | bytes, value: bytes) -> None:
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError as error:
        pytest.skip(f"{name!r} cannot be set here: {error.strerror}")


def attributes_of(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


@needs_root
def test_attributes_of_every_namespace_and_every_kind_of_file_come_back(local_rig: Rig) -> None:
    tree = local_rig.tree
    (tree / "file").write_text("x")
    (tree / "folder").mkdir()
    (tree / "link").symlink_to("nowhere")
    os.mkfifo(tree / "fifo", 0o640)
    os.mknod(tree / "device", 0o020640, os.makedev(1, 3))
    for leaf in ("file", "folder", "link", "fifo", "device"):
        set_or_skip(tree / leaf, "trusted.note", leaf.encode())
    set_or_skip(tree / "file", "security.note", b"label")
    set_or_skip(tree / "file", b"user.caf\xe9", b"\xff\0")
    for leaf in ("file", "fifo", "device"):
        set_or_skip(tree / leaf, acl.ACCESS, access_list(4, 7))
    set_or_skip(tree / "folder", acl.DEFAULT, access_list(0, 7))
    assert local_rig.back_up().problems == []
    assert local_rig.restore().problems == []
    for leaf in ("file", "folder", "link", "fifo", "device"):
        assert attributes_of(local_rig.out / leaf) == attributes_of(tree / leaf) != {}
        assert os.lstat(local_rig.out / leaf).st_mode == os.lstat(tree / leaf).st_mode


def test_a_name_that_is_not_utf8_stands_apart_and_needs_no_root(local_rig: Rig) -> None:
    (local_rig.tree / "file").write_text("x")
    set_or_skip(local_rig.tree / "file", b"user.caf\xe9", b"1")
    set_or_skip(local_rig.tree / "file", "user.back\\xe9", b"2")
    assert local_rig.back_up().problems == []
    assert local_rig.restore().problems == []
    assert attributes_of(local_rig.out / "file") == attributes_of(local_rig.tree / "file")


def test_an_access_list_that_is_refused_leaves_the_group_no_more_than_the_list_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o670)  # the group bits are the mask of a list that gives the group nothing but reading
    attributes = parse(f"hf1 f 100670 {os.geteuid()} {os.getegid()} 1 1 1 1")
    assert attributes is not None
    broken = access_list(4, 7) + struct.pack("<HHI", 0x02, 9, 1)  # no kernel takes these permissions
    with open(path, "r+b") as file:
        lost, status = give(file.fileno(), attributes, (os.geteuid(), os.getegid()), {acl.ACCESS: broken})
    assert [what.split()[0] for what in lost] == [acl.ACCESS]
    assert status.st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    ("group", "mask", "expected"), [(4, 7, 4), (7, 4, 4), (0, 7, 0), (6, 5, 4)], ids=["group", "mask", "none", "both"]
)
def test_the_owning_group_may_do_what_both_its_entry_and_the_mask_say(group: int, mask: int, expected: int) -> None:
    assert acl.group_permissions(access_list(group, mask)) == expected
    assert acl.group_permissions(access_list(group, mask)[:-1]) == 0


@pytest.fixture
def flagged(local_rig: Rig) -> Iterator[Rig]:
    yield local_rig
    subprocess.run(["chattr", "-R", "-f", "-i", "-a", "-d", local_rig.tree, local_rig.out], check=False)


def _flags(path: Path) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        return inode_flags.letters(inode_flags.read(fd))
    finally:
        os.close(fd)


def _freeze(path: Path, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        inode_flags.add(fd, flags)
    except OSError as error:
        pytest.skip(f"this file system has no such flags: {error.strerror}")
    finally:
        os.close(fd)


@needs_root
def test_flags_come_back_last_so_that_links_to_an_immutable_file_are_made(flagged: Rig) -> None:
    immutable, append, no_dump = 0x10, 0x20, 0x40
    tree = flagged.tree
    (tree / "a folder").mkdir()
    (tree / "a folder" / "inside").write_text("x")
    (tree / "fixed").write_text("x")
    os.link(tree / "fixed", tree / "twin")
    (tree / "log").write_text("x")
    os.utime(tree / "a folder", ns=(7, 7))
    for leaf, flags in (("fixed", immutable | no_dump), ("log", append), ("a folder", immutable)):
        _freeze(tree / leaf, flags)
    assert flagged.back_up().problems == []
    assert flagged.restore().problems == []
    out = flagged.out
    assert [_flags(out / leaf) for leaf in ("fixed", "log", "a folder", "a folder/inside")] == ["id", "a", "i", ""]
    assert os.path.samefile(out / "fixed", out / "twin")
    assert os.stat(out / "a folder").st_mtime_ns == 7
    again = flagged.restore()
    assert {one.path for one in again.problems} >= {"fixed", "log", "a folder/inside"}
    assert "immutable" in next(one.reason for one in again.problems if one.path == "fixed")


def test_names_of_one_link_or_fifo_come_back_as_one(local_rig: Rig) -> None:
    tree = local_rig.tree
    (tree / "link").symlink_to("nowhere")
    os.mkfifo(tree / "fifo")
    for leaf in ("link", "fifo"):
        os.link(tree / leaf, tree / f"{leaf} too", follow_symlinks=False)
    local_rig.back_up()
    report = local_rig.restore()
    assert (report.problems, report.links, report.others) == ([], 2, 2)
    for leaf in ("link", "fifo"):
        one, other = os.lstat(local_rig.out / leaf), os.lstat(local_rig.out / f"{leaf} too")
        assert (one.st_ino, one.st_nlink) == (other.st_ino, 2)


def _put_top(rig: Rig, metadata: str | None, blob: MetadataBlob, *more: tuple[str, str, bytes]) -> None:
    job = claim(rig.api, "default", SOURCE)
    upload = rig.api.start_object(job.id, "/")
    rig.api.notify_object_complete(
        job.id, upload, checksum.summary([]), metadata_string=metadata, metadata_blob=xattrs.encode(blob)
    )
    for name, string, data in more:
        rig.api.put_object(job.id, name, data, checksum.digest(data), metadata_string=string)
    rig.api.commit_backup_job(job.id)


@needs_root
def test_files_go_to_the_user_of_the_recorded_name_or_with_numeric_owner_to_the_number(local_rig: Rig) -> None:
    import grp
    import pwd

    user, group = pwd.getpwuid(65534).pw_name, grp.getgrgid(65534).gr_name
    about = MetadataBlob(users={4242: user, 4343: "no such user here"}, groups={4242: group})
    known, unknown = "hf1 f 100644 4242 4242 1 1 1 1", "hf1 f 100644 4343 4343 1 1 1 1"
    _put_top(local_rig, "hf1 d 40755 0 0 0 1 1 1", about, ("known", known, b"x"), ("unknown", unknown, b"x"))
    local_rig.restore()
    local_rig.restore("numbers", numeric_owner=True)
    owners = {
        (to, leaf): (os.stat(local_rig.folder / to / leaf).st_uid, os.stat(local_rig.folder / to / leaf).st_gid)
        for to in ("out", "numbers")
        for leaf in ("known", "unknown")
    }
    assert owners == {
        ("out", "known"): (65534, 65534),
        ("out", "unknown"): (4343, 4343),
        ("numbers", "known"): (4242, 4242),
        ("numbers", "unknown"): (4343, 4343),
    }


def test_what_owners_are_called_is_stored_once_and_re_reads_no_file_of_an_older_version(local_rig: Rig) -> None:
    import pwd

    for number in range(20):
        (local_rig.tree / str(number)).write_text("x")
    first = local_rig.back_up()
    job = local_rig.api.start_restore_job(str(first.recovery_point_arn))
    stored = {one.name: one for one in listing(local_rig.api, job)}
    assert {name for name, one in stored.items() if one.blob_bytes} == {"/"}
    top = top_object(local_rig.api, job)
    assert top is not None
    assert top.about.users == {os.geteuid(): pwd.getpwuid(os.geteuid()).pw_name}
    # What an older version wrote: the same strings, and no names.
    _put_top(local_rig, stored["/"].metadata, MetadataBlob(cut=top.about.cut))
    upgraded = local_rig.back_up()
    assert (upgraded.objects_sent, upgraded.bytes_read) == (1, 0)
    assert local_rig.back_up().objects_sent == 0


@needs_root
def test_attributes_beyond_what_a_blob_holds_are_named_and_the_contents_are_kept(local_rig: Rig) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "file"
        path.write_text("contents")
        for number in range(70):
            set_or_skip(path, f"trusted.large{number}", bytes(60_000))
        set_or_skip(path, "trusted.small", b"kept")
        report = local_rig.back_up(path=path)
    assert [one.path for one in report.problems] == ["file"]
    assert report.attributes_lost == 1
    assert "trusted.large" in report.problems[0].reason
    local_rig.restore()
    assert (local_rig.out / "file").read_text() == "contents"
    assert os.getxattr(local_rig.out / "file", "trusted.small") == b"kept"


@pytest.mark.parametrize("path", ["/proc/version", "/proc/kallsyms", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_a_file_whose_size_is_made_up_is_read_whole_and_passes_for_no_changing_one(local_rig: Rig, path: str) -> None:
    try:
        contents = Path(path).read_bytes()
    except OSError as error:
        pytest.skip(f"{path} cannot be read here: {error.strerror}")
    report = local_rig.back_up(path=path)
    assert (report.problems, report.warnings) == ([], [])
    local_rig.restore()
    assert (local_rig.out / os.path.basename(path)).read_bytes() == contents

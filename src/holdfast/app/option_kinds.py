"""The kinds of options: how a value is read from text or from TOML, and how it is shown.

What is always true here: a value that a kind gives is of the right type and within its limits, and what `show` gives
holds no secret. A kind knows nothing of where a value comes from: what it refuses, it refuses with a remedy, and
`app.option_sources` says which option it was.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from holdfast.model.limits import KIB, MIB
from holdfast.model.networks import Networks

T_co = TypeVar("T_co", covariant=True)

HIDDEN = "(hidden)"
_SIZE = re.compile(r"([0-9]{1,18}) ?(|B|KiB|MiB|GiB)")
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": KIB * MIB}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_HOST = r"(\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\],]*)(:[0-9]{1,5})?"
_CATALOG_URL = re.compile(
    rf"(?!.*%(?![0-9A-Fa-f]{{2}}))postgres(ql)?://([^\s/?#@:]*(:[^\s/?#@:]*)?@)?{_HOST}(,{_HOST})*(/[^\s/?#@]*)?(\?[^\s?#]*)?"
)
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


class Misfit(Exception):
    """A value that an option cannot take; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Option(ABC, Generic[T_co]):
    """One option, by its word. A secret one may also lie in a file, is no flag, and is never shown."""

    word: str
    default: T_co
    secret: bool = field(default=False, kw_only=True)
    unset: str = field(default="none", kw_only=True)
    """What holds where nothing is given and there is no default."""

    @abstractmethod
    def from_text(self, text: str) -> T_co:
        """The value that flags and variables write so. Raises Misfit."""

    def from_toml(self, value: object) -> T_co:
        """The value that a file writes so. Raises Misfit."""
        if not isinstance(value, str):
            raise Misfit("it must be a string in quotes")
        return self.from_text(value)

    def show(self, value: object) -> str | None:
        """`value`, given or taken, for people: nothing secret in it. None for nothing."""
        if value is None:
            return None
        return HIDDEN if self.secret else str(value)


@dataclass(frozen=True, slots=True)
class Text(Option[str | None]):
    """Words that only their user understands, of a form if one is given."""

    form: re.Pattern[str] | None = None
    remedy: str = ""

    def from_text(self, text: str) -> str | None:
        if self.form is not None and not self.form.fullmatch(text):
            raise Misfit(self.remedy)
        return text


@dataclass(frozen=True, slots=True)
class CatalogUrl(Option[str | None]):
    """libpq's URL of a database. It may hold a password; shown without."""

    def from_text(self, text: str) -> str | None:
        if not _CATALOG_URL.fullmatch(text):
            # Strict, because libpq's own words for a password that holds one of these show a part of it.
            raise Misfit(
                "it must be a URL such as postgresql://user:password@host:5432/database; in user and password write"
                " %25 for %, %2F for /, %3A for :, %40 for @, %3F for ?, %23 for #"
            )
        return text

    def show(self, value: object) -> str | None:
        return None if value is None else without_password(str(value))


@dataclass(frozen=True, slots=True)
class Place(Option[Path | None]):
    """A file or folder. In a TOML file its path is relative to that file, elsewhere to where the program started."""

    is_folder: bool = False

    def from_text(self, text: str) -> Path | None:
        return Path(text).expanduser()


@dataclass(frozen=True, slots=True)
class Number(Option[int]):
    """A whole number within limits."""

    least: int
    most: int
    unit: str = ""

    def from_text(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise self._misfit()
        return self.from_toml(int(text))

    def from_toml(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise self._misfit()
        return value

    def _misfit(self) -> Misfit:
        return Misfit(f"it must be a whole number{self.unit and f' of {self.unit}'} from {self.least} to {self.most}")


@dataclass(frozen=True, slots=True)
class Size(Option[int]):
    """A number of bytes, such as 16MiB; a file may also say it as a bare number."""

    least: int
    most: int

    def from_text(self, text: str) -> int:
        found = _SIZE.fullmatch(text)
        return self._within(int(found[1]) * _UNITS[found[2]] if found else -1)

    def from_toml(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._within(value)
        return self.from_text(value) if isinstance(value, str) else self._within(-1)

    def show(self, value: object) -> str | None:
        if not isinstance(value, int) or value <= 0:
            return None if value is None else str(value)
        unit, size = next(
            (unit, size) for unit, size in reversed(_UNITS.items()) if value % size == 0 and value >= size
        )
        return f"{value // size}{unit}"

    def _within(self, size: int) -> int:
        if not self.least <= size <= self.most:
            span = f"{self.least // KIB} KiB to {self.most // MIB} MiB"
            raise Misfit(f"it must be a size such as 16MiB, from {span}")
        return size


@dataclass(frozen=True, slots=True)
class Word(Option[str]):
    """One of a few words."""

    words: tuple[str, ...]

    def from_text(self, text: str) -> str:
        if text not in self.words:
            raise Misfit(f"it must be one of {', '.join(self.words)}")
        return text


@dataclass(frozen=True, slots=True)
class Truth(Option[bool]):
    """Yes or no."""

    def from_text(self, text: str) -> bool:
        if text.lower() not in _TRUE + _FALSE:
            raise Misfit("it must be true or false")
        return text.lower() in _TRUE

    def from_toml(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Misfit("it must be true or false, without quotes")
        return value

    def show(self, value: object) -> str | None:
        return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Blocks(Option[Networks]):
    """Addresses or CIDR blocks, joined with commas; a file may also give a list of strings."""

    def from_text(self, text: str) -> Networks:
        try:
            return Networks.parse(text)
        except ValueError as malformed:
            raise Misfit(str(malformed)) from malformed

    def from_toml(self, value: object) -> Networks:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise Misfit('it must be a string such as "10.0.0.0/8, 192.0.2.7", or a list of such strings')
        return self.from_text(",".join(given))

    def show(self, value: object) -> str | None:
        return None if not value else str(value)


def without_password(url: str) -> str:
    """A URL as it may be shown: of what may be a password nothing is left, even where the URL is not well formed."""
    scheme, found, rest = url.partition("://")
    if not found:
        return HIDDEN
    people, at, place = rest.rpartition("@")
    user, colon, _ = people.partition(":")
    shown = f"{user}{colon and ':***'}{at}{place}"
    return f"{scheme}://" + _PASSWORD_PARAMETER.sub(r"\g<1>***", shown)

r"""File names (any bytes but NUL and '/') as object names (UTF-8 without control characters), and back.

An object name is the path relative to the source, its components joined by '/'. In a component every byte that is not
part of valid UTF-8, and every byte of a control character (category Cc), is written `\xHH` (lower case); a backslash is
written `\\`; all else stands for itself. The mapping is one to one, and only what `escape` writes is accepted back, so
that two objects never mean one file. The object called '/' holds the attributes of the source's root directory.
"""

import os
import re
import sys
import unicodedata
from functools import lru_cache

from holdfast.model.errors import InvalidInput

ROOT = "/"

_FILE_SYSTEM_IS_UTF8 = sys.getfilesystemencoding().lower().replace("-", "") == "utf8"
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")
_SHOWN_MAX = 200


def escape(name: str) -> str:
    """One component as it stands in an object name. `name` is what os.scandir gives (surrogateescape)."""
    if name.isprintable() and "\\" not in name and _FILE_SYSTEM_IS_UTF8:
        return name
    return escape_bytes(os.fsencode(name))


def escape_bytes(name: bytes) -> str:
    """One component, given as its raw bytes."""
    text = name.decode("utf-8", "surrogateescape")
    return text if text.isprintable() and "\\" not in text else "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character == "\\":
        return r"\\"
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if unicodedata.category(character) == "Cc":
        return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))
    return character


def unescape(component: str) -> bytes:
    """The raw bytes of one escaped component. Raises InvalidInput for anything `escape_bytes` does not write."""
    if component.isprintable() and "\\" not in component and component not in ("", ".", "..") and "/" not in component:
        return component.encode("utf-8")
    raw = _unescaped(component) if "\\" in component else component.encode("utf-8", "surrogatepass")
    if raw in (b"", b".", b"..") or b"\0" in raw or b"/" in raw or escape_bytes(raw) != component:
        raise InvalidInput(f"{component[:_SHOWN_MAX]!r} is not the name of a file")
    return raw


def _unescaped(component: str) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(component):
        pieces.append(component[position : match.start()].encode("utf-8", "surrogatepass"))
        code = match.group(1)
        pieces.append(b"\\" if code == "\\" else bytes((int(code[1:], 16),)))
        position = match.end()
    pieces.append(component[position:].encode("utf-8", "surrogatepass"))
    return b"".join(pieces)


def components(name: str) -> tuple[bytes, ...]:
    """The path of an object as raw components; () for the root. Raises InvalidInput where it is no relative path."""
    if name == ROOT:
        return ()
    parent, slash, leaf = name.rpartition("/")
    return (*_folder_components(parent), unescape(leaf)) if slash else (unescape(leaf),)


@lru_cache(maxsize=256)  # names come in order, so that thousands in a row share their directory
def _folder_components(name: str) -> tuple[bytes, ...]:
    return tuple(unescape(component) for component in name.split("/"))


def foreign_components(name: str) -> tuple[bytes, ...]:
    """The path of an object that another client wrote: '/' separates, nothing is escaped."""
    parts = tuple(part.encode("utf-8", "surrogatepass") for part in name.split("/"))
    if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
        raise InvalidInput(f"{name[:_SHOWN_MAX]!r} is not a relative path")
    return parts


def object_name(path: bytes) -> str:
    """The object name of a relative path as people give it: `./a//b/` is `a/b`; '' and '.' are the root."""
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    return "/".join(map(escape_bytes, parts)) or ROOT

"""Text as it may be shown: what would steer a terminal, or make a line read otherwise than it is, becomes an escape.

Names, ARNs and messages come from other people's files, from other clients and from the other end of a connection. What
is escaped: control characters (C0, DEL, C1: they make a terminal clear, type, or rename its window), line
and paragraph separators, what turns the direction of text round or shows nothing at all, and lone surrogates, which no
output takes. Everything else stays as it is, in whatever script: joiners that emoji and several scripts need, too.
"""

import re

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_INVISIBLE = "\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_UNPRINTABLE = re.compile(f"[{_CONTROLS}{_INVISIBLE}\ud800-\udfff]")
# Between the marks of JSON there is nothing but ASCII, and within strings JSON escapes the controls of ASCII itself.
_UNPRINTABLE_IN_JSON = re.compile(f"[\x7f-\x9f{_INVISIBLE}\ud800-\udfff]")

_BYTES = range(0xDC80, 0xDD00)
"""Lone surrogates by which Python stands for the bytes of a name that is not UTF-8 (surrogateescape)."""


def printable(text: str) -> str:
    """`text` on one line: unchanged, or with escapes such as \\x1b, \\u202e, and \\xff for a byte that is not UTF-8."""
    return _UNPRINTABLE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """As `printable`, for text of ours that has lines; the line breaks in it stay."""
    return "\n".join(printable(line) for line in text.split("\n"))


def printable_json(text: str) -> str:
    """A JSON document that says the same, with the escapes of JSON."""
    return _UNPRINTABLE_IN_JSON.sub(_escaped_in_json, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped_in_json(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"

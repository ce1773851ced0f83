"""What the codec says when a value does not fit: where it stands, what it is, what it must be.

Raised deep inside a value and completed on the way out: each level adds its own step to the path, which costs nothing
as long as values fit. It never leaves the codec: parsing turns it into InvalidInput at the member.
"""

from holdfast.model.errors import InvalidInput, MissingInput

_SHOWN_CHARACTERS_MAX = 80


class Misfit(Exception):
    """A value that is not what its shape demands; `expectation` completes "it must be ..."."""

    def __init__(self, value: object, expectation: str, *, at: str = "") -> None:
        super().__init__(expectation)
        self.shown = shorten(value)
        self.expectation = expectation
        self.path = at

    def under(self, step: str) -> None:
        """Puts one more step before the path."""
        self.path = step + self.path

    def hide(self) -> None:
        """Forgets the value: the model calls it sensitive."""
        self.shown = "a value that is not shown"

    def refusal(self) -> InvalidInput:
        """The error for the caller."""
        return InvalidInput(f"{self.path} is {self.shown}: it must be {self.expectation}")


class Absent(Misfit):
    """A required member that is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(None, "present", at=name)

    def refusal(self) -> InvalidInput:
        return MissingInput(f"{self.path} is missing: it is required, send it")


def shorten(value: object) -> str:
    """`value` for a message, as JSON spells it, in at most about a hundred characters."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    if not isinstance(value, str | bytes):
        return repr(value)
    is_cut = len(value) > _SHOWN_CHARACTERS_MAX
    shown = value[: _SHOWN_CHARACTERS_MAX // 2] if is_cut else value
    text = shown if isinstance(shown, str) else shown.decode("utf-8", "backslashreplace")
    unit = "characters" if isinstance(value, str) else "bytes"
    return f"{text!r}... ({len(value)} {unit})" if is_cut else repr(text)

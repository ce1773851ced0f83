"""Where long work on a whole store stands, as the line that is shown meanwhile."""

from dataclasses import dataclass

from holdfast.cli.output import size

_BYTES = "bytes "


@dataclass(slots=True)
class Standing:
    """The last step that was reported. A name such as `bytes copied` says that the numbers are bytes."""

    what: str
    """Shown alone until a first step is reported."""
    done: int = 0
    total: int = 0

    def show(self, what: str, done: int, total: int) -> None:
        """What is done, how much of it so far, and of how much: 0 where that is not known."""
        self.what, self.done, self.total = what, done, total

    def line(self) -> str:
        """That step in words."""
        what = self.what.removeprefix(_BYTES)
        if not self.done and not self.total:
            return what
        done, total = (f"{n:,}" if what == self.what else size(n) for n in (self.done, self.total))
        return f"{done} of {total} {what}" if self.total else f"{done} {what}"

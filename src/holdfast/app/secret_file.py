"""Secrets that lie in files: mounted by systemd, Kubernetes or a careful administrator."""

from pathlib import Path

from holdfast.model.errors import InvalidInput

BYTES_MAX = 4096


def read_secret(path: Path, what: str) -> str:
    """The text in `path`, without the end of its line. Raises InvalidInput naming `what` and the file only."""
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # What Python says of it quotes a byte of the secret, and carries all of them.
        raise InvalidInput(
            f"{what} names {path}, which is not UTF-8 text: write the secret into it, on one line"
        ) from None
    except OSError as unreadable:
        reason = unreadable.strerror or unreadable
        raise InvalidInput(f"{what} names {path}, which cannot be read: {reason}") from unreadable
    if not text or len(content) > BYTES_MAX:
        raise InvalidInput(f"{what} names {path}, which has {len(content)} bytes: it must have 1 to {BYTES_MAX}")
    if "\n" in text:
        raise InvalidInput(f"{what} names {path}, which has several lines: it must hold the secret alone, on one line")
    return text

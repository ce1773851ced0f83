"""What opens a store's root key: a pass phrase, a KMS, or nothing. Only where that comes from; `app.keys` uses it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.app.secret_file import read_secret
from holdfast.model.errors import InvalidInput, UnusableKey

KMS_CHECK_SECONDS_DEFAULT = 300


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """A pass phrase: in a file, else as it is, else typed by whoever sits at the terminal."""

    file: Path | None = None
    text: str | None = field(default=None, repr=False)
    ask: Callable[[], str] | None = field(default=None, repr=False)

    @property
    def is_given(self) -> bool:
        """Whether there is one without asking anybody."""
        return self.file is not None or bool(self.text)

    def get(self) -> str:
        """The pass phrase. Raises InvalidInput for a file that cannot be read, UnusableKey if there is none."""
        if self.file is not None:
            return read_secret(self.file, "the pass phrase file")
        if self.text:
            return self.text
        if self.ask is not None:
            return self.ask()
        raise UnusableKey(
            "root.key is protected by a pass phrase: give it in HOLDFAST_PASSPHRASE, or in a file named by"
            " --passphrase-file or HOLDFAST_PASSPHRASE_FILE"
        )


@dataclass(frozen=True, slots=True)
class Unlock:
    """How the root key of a store is opened, and how that of a new store is protected."""

    passphrase: PassphraseSource = field(default_factory=PassphraseSource)
    kms_key: str | None = None
    """ARN, id or alias of the KMS key that is to protect the root key."""
    kms_endpoint: str | None = None
    """URL of the KMS; without it AWS's own variables decide."""
    kms_check_seconds: int = KMS_CHECK_SECONDS_DEFAULT
    """How often the KMS is asked whether the root key may still be used."""


def ask_at_terminal(question: str) -> Callable[[], str] | None:
    """Somebody to ask, or None where nobody sits at a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask() -> str:
        import getpass

        return getpass.getpass(f"{question}: ")

    return ask


def ask_twice(question: str) -> Callable[[], str] | None:
    """As `ask_at_terminal`, for a secret that is new: typed twice, so that nobody locks themselves out by a slip."""
    first, second = ask_at_terminal(question), ask_at_terminal(f"{question}, again")
    if first is None or second is None:
        return None

    def ask() -> str:
        typed = first()
        if second() != typed:
            raise InvalidInput("the two pass phrases are not the same: start again")
        return typed

    return ask

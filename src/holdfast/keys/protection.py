"""How a root key lies in its file: as it is, under a pass phrase, or under a key of a KMS.

A `Protection` seals a root key into what the file says, and opens that again. `PLAIN` is the one without a secret.
What is always true here: `open` gives the root key that was sealed, or UnusableKey; never another key.
"""

from typing import Protocol

from holdfast.keys.root_file import Plain, RootFile, UnderKms, UnderPassphrase
from holdfast.model.errors import UnusableKey


class Protection(Protocol):
    """One way to keep a root key in a file."""

    def seal(self, root_key: bytes) -> RootFile:
        """The root key (32 bytes), as it is to lie in the file. UnusableKey, Unavailable."""

    def open(self, file: RootFile) -> bytes:
        """The root key. UnusableKey if it lies there in another way, or what opens it is wrong or not allowed."""


class _Plain:
    def seal(self, root_key: bytes) -> RootFile:
        return Plain(root_key)

    def open(self, file: RootFile) -> bytes:
        if isinstance(file, Plain):
            return file.key
        raise locked(file)


PLAIN: Protection = _Plain()


def locked(file: RootFile) -> UnusableKey:
    """Why a root key cannot be opened by whoever does not have what it needs."""
    match file:
        case Plain():
            return UnusableKey("root.key is not protected, and was to be: protect it with 'holdfast key protect'")
        case UnderPassphrase():
            return UnusableKey(
                "root.key is protected by a pass phrase: give it in HOLDFAST_PASSPHRASE, or in a file named by"
                " HOLDFAST_PASSPHRASE_FILE"
            )
        case UnderKms(key_arn):
            return UnusableKey(f"root.key is under the KMS key {key_arn}, and no KMS was asked: start the service")

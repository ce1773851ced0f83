"""A root key under a pass phrase: Argon2id makes the key of it, AES-256-GCM seals.

The parameters stand in the file, so that they can grow without making older files unreadable; they are part of what the
seal binds. A pass phrase is taken as Unicode in form NFC, so that every keyboard gives the same bytes.
"""

import os
import unicodedata
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from holdfast.keys.protection import locked
from holdfast.keys.root_file import RootFile, UnderPassphrase
from holdfast.model.errors import InvalidInput, UnusableKey

PASSPHRASE_CHARACTERS_MIN = 8

MEMORY_KIB_DEFAULT = 64 * 1024
_ITERATIONS = 3
_LANES = 4
# What a file may ask of us: far beyond what we write, and not so far that reading a made-up file stops the machine.
_MEMORY_KIB_MAX = 4 * 1024 * 1024
_ITERATIONS_MAX = 1000
_LANES_MAX = 256
_SALT_BYTES = 16
_NONCE_BYTES = 12


class PassphraseProtection:
    """Protection by a pass phrase, which is asked for when it is needed."""

    def __init__(
        self,
        passphrase: Callable[[], str],
        *,
        memory_kib: int = MEMORY_KIB_DEFAULT,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`memory_kib` is what each guess costs: 64 MiB and about 0.15 s by default."""
        self._passphrase = passphrase
        self._memory_kib = memory_kib
        self._random = random

    def seal(self, root_key: bytes) -> RootFile:
        """Raises InvalidInput for a pass phrase that is too short to protect anything."""
        passphrase = self._passphrase()
        if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
            raise InvalidInput(
                f"the pass phrase has {len(passphrase)} characters: choose one of at least {PASSPHRASE_CHARACTERS_MIN},"
                " better five words or more"
            )
        salt, nonce = self._random(_SALT_BYTES), self._random(_NONCE_BYTES)
        file = UnderPassphrase(self._memory_kib, _ITERATIONS, _LANES, salt, nonce, b"")
        sealed = _cipher(passphrase, file).encrypt(nonce, root_key, file.context())
        return UnderPassphrase(self._memory_kib, _ITERATIONS, _LANES, salt, nonce, sealed)

    def open(self, file: RootFile) -> bytes:
        if not isinstance(file, UnderPassphrase):
            raise locked(file)
        if file.memory_kib > _MEMORY_KIB_MAX or file.iterations > _ITERATIONS_MAX or file.lanes > _LANES_MAX:
            raise UnusableKey("root.key asks for more work than any that Holdfast wrote: put the saved one back")
        try:
            return _cipher(self._passphrase(), file).decrypt(file.nonce, file.sealed, file.context())
        except (InvalidTag, ValueError) as refused:
            raise UnusableKey(
                "the pass phrase does not open root.key: give the one that it was protected with (upper and lower case"
                " and spaces count)"
            ) from refused


def _cipher(passphrase: str, file: UnderPassphrase) -> AESGCM:
    argon2 = Argon2id(
        salt=file.salt, length=32, iterations=file.iterations, lanes=file.lanes, memory_cost=file.memory_kib
    )
    return AESGCM(argon2.derive(unicodedata.normalize("NFC", passphrase).encode("utf-8")))

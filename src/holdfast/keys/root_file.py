"""The text of a `root.key`: one line that can be printed, mailed and typed back.

Three forms: the root key itself, the root key under a pass phrase, the root key under a key of a KMS. What is always
true here: a line is taken only if its checksum is right, so that damage is told apart from a wrong pass phrase; and a
line that is taken gives back exactly what was written. Byte by byte in docs/design/pack-format.md.
"""

import re
import zlib
from dataclasses import dataclass, field

from holdfast.model.errors import UnusableKey

ROOT_KEY_BYTES = 32

_PLAIN = "holdfast-root-key-1"
_SEALED = "holdfast-root-key-2"
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_KEY_NAME = re.compile(r"[!-~]{1,2048}")


@dataclass(frozen=True, slots=True)
class Plain:
    """The root key as it is."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnderPassphrase:
    """The root key under Argon2id of a pass phrase. `sealed` is AES-256-GCM's ciphertext and tag."""

    memory_kib: int
    iterations: int
    lanes: int
    salt: bytes
    nonce: bytes
    sealed: bytes

    def context(self) -> bytes:
        """What the seal binds: everything that stands before the nonce."""
        numbers = f"{self.memory_kib} {self.iterations} {self.lanes}"
        return f"{_SEALED} passphrase argon2id {numbers} {self.salt.hex()}".encode("ascii")


@dataclass(frozen=True, slots=True)
class UnderKms:
    """The root key under a key of a KMS. `store` is part of the encryption context; `root_id` is what must come out."""

    key_arn: str
    store: bytes
    root_id: bytes
    ciphertext: bytes


RootFile = Plain | UnderPassphrase | UnderKms


def encode(file: RootFile) -> bytes:
    """The line, with its newline."""
    match file:
        case Plain(key):
            return f"{_PLAIN} {key.hex()} {zlib.crc32(key):08x}\n".encode("ascii")
        case UnderPassphrase():
            return _with_checksum(f"{file.context().decode('ascii')} {file.nonce.hex()} {file.sealed.hex()} ")
        case UnderKms(key_arn, store, root_id, ciphertext):
            return _with_checksum(f"{_SEALED} kms {key_arn} {store.hex()} {root_id.hex()} {ciphertext.hex()} ")


def decode(text: bytes) -> RootFile:
    """What `encode` was given. Raises UnusableKey for anything else."""
    try:
        words = text.decode("ascii").split()
        file = _plain(words) if words[:1] == [_PLAIN] else _protected(text, words)
    except (ValueError, UnicodeDecodeError):
        file = None
    if file is None:
        raise UnusableKey(
            "root.key is not a root key of this version, or damaged: put the saved one back, or move the file away and"
            " import a recovery bundle with 'holdfast key import'"
        )
    return file


def check_key_name(name: str) -> bool:
    """Whether a KMS key's name (ARN, id, alias) can stand in the line."""
    return _KEY_NAME.fullmatch(name) is not None


def _with_checksum(head: str) -> bytes:
    line = head.encode("ascii")
    return line + f"{zlib.crc32(line):08x}\n".encode("ascii")


def _plain(words: list[str]) -> Plain | None:
    # The checksum is over the key alone, so that a line whose spaces were lost and typed again is good.
    _, key_hex, checksum = words
    key = bytes.fromhex(key_hex)
    intact = int(checksum, 16) == zlib.crc32(key) and len(key) == ROOT_KEY_BYTES
    return Plain(key) if intact else None


def _protected(text: bytes, words: list[str]) -> RootFile | None:
    line = text.rstrip(b"\r\n")
    if len(line) < 8 or line[-8:] != f"{zlib.crc32(line[:-8]):08x}".encode("ascii"):
        return None
    match words:
        case [_, "passphrase", "argon2id", memory, iterations, lanes, salt, nonce, sealed, _]:
            return UnderPassphrase(
                _number(memory), _number(iterations), _number(lanes), _bytes(salt), _bytes(nonce), _bytes(sealed)
            )
        case [_, "kms", key_arn, store, root_id, ciphertext, _]:
            return UnderKms(key_arn, _bytes(store), _bytes(root_id), _bytes(ciphertext))
        case _:
            return None


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise ValueError(word)
    return int(word)


def _bytes(word: str) -> bytes:
    if not _HEX.fullmatch(word):
        raise ValueError(word)
    return bytes.fromhex(word)

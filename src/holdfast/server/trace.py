"""What a line of the log says of a request, so that it can be traced: from where, with which key, upon what.

Invariants: every text from outside is bounded and has no character that a terminal or a line-based reader takes for
more than text; only members listed here are shown, so a new one is not shown until somebody decides that it may be; a
token is never shown, only a fingerprint by which lines about the same upload or object are found.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from holdfast.model.networks import Networks
from holdfast.model.printable import printable
from holdfast.wire.message import RequestHead

SHOWN_CHARACTERS_MAX = 256
KEY_CHARACTERS_MAX = 24
"""Our key ids have 20; a secret of 40 that stands in the wrong place is not shown whole."""
NAMES_SHOWN_MAX = 3
HOPS_MAX = 32
"""Addresses of X-Forwarded-For that are looked at, from the right."""

RESOURCES = frozenset(
    {
        "BackupVaultName", "ByBackupVaultName", "ResourceArn", "ByResourceArn", "RecoveryPointArn",
        "ByParentRecoveryPointArn", "BackupJobId", "RestoreJobId", "StorageJobId", "ByParentJobId", "ObjectName",
        "ObjectNames", "StartingObjectName", "StartingObjectPrefix", "ChunkIndex", "IamRoleArn", "BackupVaultArn",
        "EncryptionKeyArn", "LogicallyAirGappedBackupVaultArn",
    }
)  # fmt: skip
"""Members that say upon what an operation acts."""
TOKENS = frozenset({"UploadId", "ObjectToken", "ChunkToken"})
"""Members of which a fingerprint is shown."""

_CLAIMED = re.compile(rb"Credential=([^/,\s]{1,256})")


def shown(text: str, characters_max: int = SHOWN_CHARACTERS_MAX) -> str:
    """`text` as it may be shown, in at most so many characters and a mark."""
    cut = printable(text[:characters_max])
    return cut if len(text) <= characters_max else f"{cut}... ({len(text)} characters)"


def client_address(peer: str | None, head: RequestHead, trusted: Networks) -> str | None:
    """Where the request comes from: the peer, or what a trusted proxy says of who stands before it.

    Of X-Forwarded-For the right-most address counts that is no trusted proxy itself: what stands further left was
    written by the client.
    """
    if peer is None or not trusted.holds(peer):
        return peer
    hops = b",".join(head.header_values(b"x-forwarded-for"))
    address = peer
    for word in reversed(hops.rsplit(b",", HOPS_MAX)[-HOPS_MAX:]):
        text = word.strip().decode("latin-1")
        if not text:
            break
        address = shown(text, 64)
        if not trusted.holds(text):
            break
    return address


def claimed_key(head: RequestHead) -> str | None:
    """The access key id that the request names, proved or not."""
    found = _CLAIMED.search(head.header(b"authorization") or b"")
    return shown(found[1].decode("latin-1"), KEY_CHARACTERS_MAX) if found else None


def resources(members: Mapping[str, object]) -> dict[str, object]:
    """What of the members of a request, or of its answer, says upon what it acted."""
    told: dict[str, object] = {}
    for name, value in members.items():
        if name in RESOURCES and value is not None:
            told[name] = _value(value)
        elif name in TOKENS and isinstance(value, str):
            told[name] = fingerprint(value)
    return told


def labels(segments: Mapping[str, bytes]) -> dict[str, object]:
    """The labels of a path that was not parsed, decoded as far as they are shown."""
    cut = {name: unquote_to_bytes(segment[: 3 * SHOWN_CHARACTERS_MAX]) for name, segment in segments.items()}
    return {name: raw.decode("utf-8", "replace") for name, raw in cut.items()}


def fingerprint(token: str) -> str:
    """Tells tokens apart, and says nothing of them."""
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _value(value: object) -> object:
    if isinstance(value, int):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        names = [shown(str(name)) for name in value[:NAMES_SHOWN_MAX]]
        return [*names, f"and {len(value) - len(names)} more"] if len(value) > len(names) else names
    return shown(str(value))

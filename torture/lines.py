"""What was asked of a store and what came of it: the lines of a journal.

A line is one value; a journal is a file of them, as JSON, that only grows. Numbers tie an answer to its request and are
never used twice in a journal.
"""

import msgspec

from torture.content import Content, Piece


class Start(msgspec.Struct, frozen=True, tag=True):
    """StartBackupJob with an idempotency token."""

    source: str
    token: str


class Set(msgspec.Struct, frozen=True, tag=True):
    """PutObject, NotifyObjectComplete, PutObjects, DeleteObject (None): all names in one transaction."""

    job: str
    objects: dict[str, Content | None]
    upload: str | None = None
    """The upload that is completed by it."""


class Open(msgspec.Struct, frozen=True, tag=True):
    """StartObject."""

    job: str
    name: str


class Send(msgspec.Struct, frozen=True, tag=True):
    """PutChunk."""

    job: str
    upload: str
    index: int
    piece: Piece


class Commit(msgspec.Struct, frozen=True, tag=True):
    """CommitBackupJob."""

    job: str


class Stop(msgspec.Struct, frozen=True, tag=True):
    """StopBackupJob."""

    job: str


class Delete(msgspec.Struct, frozen=True, tag=True):
    """DeleteRecoveryPoint."""

    point: str


class Make(msgspec.Struct, frozen=True, tag=True):
    """CreateBackupVault."""

    vault: str


Deed = Make | Start | Set | Open | Send | Commit | Stop | Delete


class Begun(msgspec.Struct, frozen=True, tag=True):
    """About to be sent. Numbers are never used twice in a journal."""

    number: int
    deed: Deed


class Acked(msgspec.Struct, frozen=True, tag=True):
    """Answered with success. `made`: the id of the job or upload, or the ARN of the point, that the answer names."""

    number: int
    made: str | None = None
    base: str | None = None
    """Of a job that was started: the ARN of its base, as the service tells it."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Answered with an error. `surely_not`: the request is at fault (4xx), so it did not happen; else nobody knows."""

    number: int
    surely_not: bool


class SeenVaults(msgspec.Struct, frozen=True, tag=True):
    """After a crash these vaults were found, and no others."""

    vaults: list[str]


class SeenJob(msgspec.Struct, frozen=True, tag=True):
    """After a crash the job was found in this state; `point` is its recovery point where it is COMPLETED."""

    job: str
    state: str
    point: str | None = None


class SeenPoint(msgspec.Struct, frozen=True, tag=True):
    """After a crash the point was found listed, or not."""

    point: str
    there: bool


class SeenObjects(msgspec.Struct, frozen=True, tag=True):
    """After a crash a view (a job's or a point's) was found right, and what was in doubt in it stands for this."""

    holder: str
    objects: dict[str, Content | None]


class Rebuilding(msgspec.Struct, frozen=True, tag=True):
    """Everything was looked at, and now the catalog is lost or replaced: jobs that run go with it, points must not."""


class Rebuilt(msgspec.Struct, frozen=True, tag=True):
    """The catalog was made anew."""


Line = Begun | Acked | Refused | SeenVaults | SeenJob | SeenPoint | SeenObjects | Rebuilding | Rebuilt

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """One line of a file, with its end."""
    return _encoder.encode(line) + b"\n"


def decode(raw: bytes) -> Line:
    """The line that `encode` wrote. Raises msgspec.DecodeError."""
    return _decoder.decode(raw)

"""What a supervisor and its workers tell each other: lines of JSON over a pair of sockets that nobody else has.

The options travel here and not on a command line or in the environment, since there may be secrets among them.
"""

from pathlib import Path

import msgspec

from holdfast.app.config import ServeOptions
from holdfast.model.networks import Networks
from holdfast.observe.log_words import LogLevel
from holdfast.server.tls import Tls


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first line, to a worker: what it is to do."""

    options: ServeOptions
    place: int
    """Its number among the workers, 1 and up."""
    supervisor: int
    """The process without which it must not live."""
    listeners: tuple[int, ...]
    """The descriptors of its sockets, bound and not listening: for clients, and maybe one for those who watch."""
    numbers: Path
    """Where the workers count (observe.worker_numbers)."""


class Buried(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the processes of these writers have ended, and nobody has said so in the catalog."""

    writer_nos: list[int]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: it is to end, when it has answered what is under way, or `at_once`."""

    at_once: bool


class Reload(msgspec.Struct, frozen=True, tag=True):
    """To a worker: this is in force from here on, and the certificate is to be read again."""

    log_level: LogLevel
    tls: Tls | None
    """None: the certificate stays."""


class Writing(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it is this writer from now on."""

    writer_no: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it answers requests."""


class Alive(msgspec.Struct, frozen=True, tag=True):
    """From a worker, every few seconds."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it cannot go on, for this reason, and ends."""

    message: str


FromWorker = Writing | Ready | Alive | Refused
ToWorker = Start | Buried | Stop | Reload


def encode(message: FromWorker | ToWorker) -> bytes:
    """One line."""
    return msgspec.json.encode(message, enc_hook=_plain) + b"\n"


def from_worker(line: bytes) -> FromWorker:
    """What a worker said."""
    return msgspec.json.decode(line, type=FromWorker)  # type: ignore[no-any-return]


def to_worker(line: bytes) -> ToWorker:
    """What the supervisor said."""
    return msgspec.json.decode(line, type=ToWorker, dec_hook=_rich)  # type: ignore[no-any-return]


def _plain(value: object) -> object:
    if isinstance(value, Path | Networks):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} does not travel to a worker")


def _rich(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    if kind is Networks:
        return Networks.parse(str(value))
    raise NotImplementedError(f"{kind.__name__} does not travel to a worker")

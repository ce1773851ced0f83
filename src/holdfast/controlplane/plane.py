"""What every operation of the control plane is given, as shapes: it knows no class behind them."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from holdfast.access.authenticate import Caller
from holdfast.catalog.transaction import Tx
from holdfast.model.clock import Clock
from holdfast.model.limits import JOB_LEASE_SECONDS_DEFAULT
from holdfast.model.purpose import Purpose
from holdfast.model.token import TokenMint

R = TypeVar("R")

Params = dict[str, object]
Result = Mapping[str, object]
Handler = Callable[[Caller, Params], Result]


class Reader(Protocol):
    """Gives consistent views of the catalog."""

    def snapshot(self) -> AbstractContextManager[Tx]: ...


class Writes(Protocol):
    """Runs a step in a durable transaction; when it returns, what the step did survives a power cut."""

    def submit(self, frames: tuple[()], apply: Callable[[Tx, object], R], purpose: Purpose = Purpose.CHANGE) -> R: ...


class Records(Protocol):
    """Tells the packs what a transaction did to a vault or a recovery point (records.recorder)."""

    def settle(self, vault_no: int) -> object:
        """What the vault's transactions owe is in the packs, durably, when it returns."""


class VaultKeyMaker(Protocol):
    """Makes the keys of a new vault; when it returns, they survive a power cut."""

    def create(self, vault_uid: bytes) -> object: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What an administrator may choose."""

    job_lease_seconds: int = JOB_LEASE_SECONDS_DEFAULT
    """How long a job may go untouched, unless its StartBackupJob says otherwise."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the operations read, write, and get keys, tokens, time and ids."""

    catalog: Reader
    writes: Writes
    records: Records
    keys: VaultKeyMaker
    tokens: TokenMint
    clock: Clock
    new_uid: Callable[[], uuid.UUID]
    options: Options

    def write(self, step: Callable[[Tx], R], *, purpose: Purpose = Purpose.CHANGE) -> R:
        """What `step` returned, once it is durable. What it raises undoes it and is raised here.

        `purpose` says what it may run beside, and whether it goes on when the disk is full.
        """
        return self.writes.submit((), lambda tx, _: step(tx), purpose)

"""A store opened inside this process, as `serve` opens it, with a client that tries everything exactly once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.model.clock import Clock
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

_RESERVE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Service:
    """The running system and its client."""

    system: System
    api: Api


@contextmanager
def opened(directory: Path, log: IO[str], clock: Clock | None = None) -> Iterator[Service]:
    """Opens or makes the store in `directory`. Raises what System raises.

    `log` gets what the service logs at level error: defects, damage, upkeep in trouble.
    """
    with closing(System(options(directory), Metrics(), open_log("error", "json", log), clock)) as system:
        key = system.access_key
        credentials = Credentials(key.access_key_id, key.secret)
        yield Service(system, Api(InProcessTransport(system.gateway), credentials, attempts_max=1))


def options(directory: Path) -> StoreOptions:
    """Those of a toy store: its reserve need not be larger than what a collection of it writes."""
    return StoreOptions(directory, reserve_bytes=_RESERVE_BYTES)

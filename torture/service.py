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
from torture.ground import DirectoryGround, Ground

_RESERVE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Service:
    """The running system and its client."""

    system: System
    api: Api


@contextmanager
def opened(place: Path | Ground, log: IO[str], clock: Clock | None = None) -> Iterator[Service]:
    """Opens or makes the store there. Raises what System raises.

    `log` gets what the service logs at level error: defects, damage, upkeep in trouble.
    """
    with closing(System(options(place), Metrics(), open_log("error", "json", log), clock)) as system:
        key = system.access_key
        credentials = Credentials(key.access_key_id, key.secret)
        yield Service(system, Api(InProcessTransport(system.gateway), credentials, attempts_max=1))


def options(place: Path | Ground) -> StoreOptions:
    """Those of a toy store: its reserve need not be larger than what a collection of it writes."""
    ground = DirectoryGround(place) if isinstance(place, Path) else place
    return ground.options(reserve_bytes=_RESERVE_BYTES)

"""The service as one object: every operation that the agent uses, over any transport."""

import random
import time
from collections.abc import Callable

from holdfast.client.call import ATTEMPTS_MAX, Credentials, Requester
from holdfast.client.collecting import Collecting
from holdfast.client.control import Control
from holdfast.client.reading import Reading
from holdfast.client.transport import Transport
from holdfast.client.verification import Verification
from holdfast.client.writing import Writing
from holdfast.model.clock import Clock


class Api(Control, Collecting, Writing, Reading, Verification):
    """One method per operation: `Control` (vaults, jobs, points), `Writing` and `Reading` (objects).

    Safe to use from many threads. Every method returns the answer or raises an error of model/errors, after up to
    `attempts_max` attempts where another one can help. `sleep` takes seconds; `jitter` gives numbers in [0, 1).
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        region: str = "us-east-1",
        base_path: bytes = b"",
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        self._transport = transport
        super().__init__(
            Requester(
                transport,
                credentials,
                region=region,
                base_path=base_path,
                clock=clock,
                sleep=sleep,
                jitter=jitter,
                attempts_max=attempts_max,
            )
        )

    def close(self) -> None:
        """Give back the transport's connections."""
        self._transport.close()

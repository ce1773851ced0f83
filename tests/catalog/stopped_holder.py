"""A process that stops itself (SIGSTOP) in the middle of a transaction, and says what came of it when it goes on.

Run as: stopped_holder.py URL all|run|said alone|shared IDLE_SECONDS. One line before it stops, one when it ended.
"""

import os
import signal
import sys

from holdfast.catalog import postgres_connections
from holdfast.catalog.postgres import PostgresCatalog
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import HoldfastError
from holdfast.model.purpose import Purpose


class Holder:
    """The step of such a transaction."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.attempts = 0

    def __call__(self, tx: Tx) -> None:
        self.attempts += 1
        tx.run("INSERT INTO marks VALUES (:mark)", {"mark": f"holder {self.attempts}"})
        if self.kind == "all":
            tx.all("SELECT 1")
        elif self.kind == "said":
            tx.insert("marks", ("mark",), [("said",)])
        if self.attempts == 1:
            tell("stopping")
            os.kill(os.getpid(), signal.SIGSTOP)
        tx.all("SELECT 2")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main() -> None:
    url, kind, shared, idle_seconds = sys.argv[1:]
    postgres_connections._SETTINGS["idle_in_transaction_session_timeout"] = f"{idle_seconds}s"
    holder = Holder(kind)
    try:
        catalog = PostgresCatalog(PostgresOptions(url))
        [outcome] = catalog.run([holder], Purpose.ADD if shared == "shared" else Purpose.CHANGE)
        tell(f"{holder.attempts} {outcome.error!r}")
    except HoldfastError as refused:
        tell(f"{holder.attempts} {type(refused).__name__}")


if __name__ == "__main__":
    main()

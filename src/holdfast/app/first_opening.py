"""The first opening of a store that several workers are to serve, by their supervisor alone."""

from dataclasses import replace

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.catalog import writers
from holdfast.catalog.transaction import Tx
from holdfast.model.purpose import Purpose
from holdfast.observe.logs import Logger
from holdfast.observe.metrics import Metrics


def prepare(options: StoreOptions, log: Logger) -> StoreOptions:
    """Opens and closes the store; the options for the workers, with the pass phrase if somebody has typed it.

    Between this and taking the lock again another service may have come and gone: nothing here relies on it.
    """
    passphrase = options.unlock.passphrase
    typed: list[str] = []

    def ask() -> str:
        assert passphrase.ask is not None
        typed.append(passphrase.ask())
        return typed[-1]

    asked = replace(passphrase, ask=ask if passphrase.ask else None)
    system = System(
        replace(options, unlock=replace(options.unlock, passphrase=asked)), Metrics(), log, background=False
    )
    try:
        if system.lock is not None:
            # Itself included: the packs that it may have begun are for the workers to look after.
            system.commits.submit((), _end_all, Purpose.BEGIN)
    finally:
        system.close()
    known = replace(passphrase, ask=None, text=typed[-1] if typed else passphrase.text)
    return replace(options, unlock=replace(options.unlock, passphrase=known))


def _end_all(tx: Tx, _: object) -> None:
    for writer_no in writers.live(tx):
        writers.end(tx, writer_no)

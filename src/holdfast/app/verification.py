"""Wires what checks the store: the scrub, parity, and the operation that verifies on demand."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.app.collecting import Parts
from holdfast.app.config import StoreOptions
from holdfast.chunks import reed_solomon
from holdfast.chunks.parity import Parity
from holdfast.model.token import TokenMint
from holdfast.observe.metrics import Metrics
from holdfast.upkeep.adding_parity import AddingParity, ParityKeeper
from holdfast.upkeep.checking import Checker, Reseal
from holdfast.upkeep.fenced import FencedWrites
from holdfast.upkeep.scrub import Scrub
from holdfast.upkeep.verifying import Handler, Verifying
from holdfast.upkeep.worker import Worker


@dataclass(frozen=True, slots=True)
class Verification:
    """The workers, and the operation."""

    checker: Checker
    scrub: Scrub
    adding_parity: AddingParity
    verifying: Verifying

    def workers(self) -> tuple[Worker, ...]:
        """For whoever works in the background."""
        return (self.scrub, self.adding_parity)

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return self.verifying.handlers()

    def show(self, metrics: Metrics) -> None:
        """Lets `metrics` tell how the scrub stands."""
        figures = self.scrub.figures

        def looks() -> int:
            return figures.looks

        metrics.watch(
            "holdfast_oldest_verification_timestamp_seconds",
            "When the pack whose check is longest ago was read as a whole; 0 if none was",
            lambda: figures.oldest_verification,
            looks,
        )
        metrics.watch("holdfast_packs_due", "Packs whose check is due", lambda: figures.packs_due, looks)
        metrics.watch(
            "holdfast_damaged_chunks",
            "Chunks that cannot be read and were not healed yet; `holdfast verify` names what needs them",
            lambda: figures.damaged_chunks,
            looks,
        )


def verification(
    parts: Parts,
    tokens: TokenMint,
    options: StoreOptions,
    measure: Callable[[int], object],
    reseal: Reseal,
    checks: FencedWrites,
    *,
    clears: bool,
) -> Verification:
    """Of one open store. Raises Unavailable where parity is asked for and its library is not installed.

    `checks` is the chore of what goes on in the background, which alone removes parity that belongs to no pack
    (`clears`: where listing blobs costs little).
    """
    if options.parity_percent:
        reed_solomon.require()
    parity = Parity(parts.blobs)
    checker = Checker(parts.catalog, parts.commits, parts.blobs, parts.keys, parity, reseal)
    keeper = ParityKeeper(parts.catalog, parts.commits, parity)
    scrubber = Checker(parts.catalog, checks, parts.blobs, parts.keys, parity, reseal)
    attendant = ParityKeeper(parts.catalog, checks, parity)
    return Verification(
        checker,
        Scrub(scrubber, attendant, options.scrub_days),
        AddingParity(attendant, options.parity_percent, clears=clears),
        Verifying(checker, keeper, parts.blobs, tokens, parts.clock, measure),
    )

"""CollectGarbage of our own model, repeated until nothing is left to do."""

from collections.abc import Iterator

import msgspec

from holdfast.client import answers
from holdfast.client.call import Requester, decode

_collected = msgspec.json.Decoder(answers.Collected)


class Collecting:
    """The operation as a method. Errors are those of model/errors."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    def collect_garbage(
        self,
        *,
        dry_run: bool = False,
        seconds: int | None = None,
        compact_threshold: int | None = None,
        release_hold: bool = False,
    ) -> answers.Collected:
        """CollectGarbage once: works for `seconds` (1 to 20) and answers what it did, with `done` when that was all."""
        body: dict[str, object] = {"DryRun": dry_run, "ReleaseHold": release_hold}
        if seconds is not None:
            body["Seconds"] = seconds
        if compact_threshold is not None:
            body["CompactThreshold"] = compact_threshold
        return decode(_collected, self._requester.storage("POST", b"/care/collect", json=body))

    def collect_all_garbage(
        self, *, compact_threshold: int | None = None, release_hold: bool = False, seconds: int = 2
    ) -> Iterator[answers.Collected]:
        """CollectGarbage again and again until it is done, each time for `seconds`; what each call did."""
        while True:
            collected = self.collect_garbage(
                seconds=seconds, compact_threshold=compact_threshold, release_hold=release_hold
            )
            yield collected
            if collected.done:
                return
            release_hold = False

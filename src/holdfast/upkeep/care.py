"""CollectGarbage under its wire name: collects for some seconds and says how far it came.

A caller repeats it until Done. Whatever one call did is durable when it answers, and the next goes on from the catalog.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from holdfast.access.authenticate import Caller
from holdfast.catalog import backup_jobs, holds, packs
from holdfast.catalog.holds import Hold
from holdfast.catalog.transaction import Tx
from holdfast.model.clock import Clock
from holdfast.model.errors import ChoreTaken
from holdfast.model.purpose import Purpose
from holdfast.upkeep.collection import Collection
from holdfast.upkeep.compaction_plan import THRESHOLD_ASKED_FOR, Choice
from holdfast.upkeep.forecast import forecast
from holdfast.upkeep.gain import Gain
from holdfast.upkeep.worker import Reader, Writes

Params = Mapping[str, object]
Answer = Mapping[str, object]
Handler = Callable[[Caller, Params], Answer]

_SECONDS_DEFAULT = 5
_PACKS_PER_READ = 2000
_PACKS_SHOWN_MAX = 100
_JOBS_SHOWN_MAX = 100
_PUT_LOOKED_AT = 100_000


@dataclass(frozen=True, slots=True)
class Care:
    """The operations that look after a store."""

    catalog: Reader
    writes: Writes
    clock: Clock
    collection: Collection

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation name. Each blocks until its answer is durable."""
        return {"CollectGarbage": lambda _, params: self.collect_garbage(params)}

    def collect_garbage(self, params: Params) -> Answer:
        """Collects and compacts for up to Seconds; with DryRun, says what it would do and does nothing.

        While a hold stands, nothing is done and Hold says why, unless ReleaseHold. Raises the first error that a stage
        meets; what was done before stays done.
        """
        threshold = cast(int, params.get("CompactThreshold", THRESHOLD_ASKED_FOR))
        if params.get("ReleaseHold") and not params.get("DryRun"):
            self.writes.submit((), lambda tx, _: holds.release(tx), purpose=Purpose.FREE)
        with self.catalog.snapshot() as tx:
            standing = holds.standing(tx)
            expected = _forecast(tx, threshold) | _open_jobs(tx) if params.get("DryRun") else None
        if expected is not None:
            return expected | _hold(standing) | self._totals()
        if standing:
            return _gained(Gain()) | _hold(standing) | self._totals() | {"Done": True}
        gain, done = self._work(cast(int, params.get("Seconds", _SECONDS_DEFAULT)), threshold)
        with self.catalog.snapshot() as tx:
            open_jobs = _open_jobs(tx) if done else {}
        return _gained(gain) | open_jobs | self._totals() | {"Done": done}

    def _work(self, seconds: int, threshold: int) -> tuple[Gain, bool]:
        until = time.monotonic() + seconds
        gain = Gain()
        self.collection.insist()
        while time.monotonic() < until:
            try:
                more = self.collection.advance(self.clock.now_us(), threshold)
            except ChoreTaken:
                # Somebody asked another node for the same; what each of them does counts.
                self.collection.insist()
                continue
            if more is None:
                return gain, True
            gain += more
        return gain, False

    def _totals(self) -> dict[str, object]:
        """Of all packs, read a stretch at a time; what is dead in those that are still written to is not known."""
        total_bytes, dead_bytes = self.collection.survey.unmeasured_bytes(), 0
        after: int | None = 0
        while after is not None:
            with self.catalog.snapshot() as tx:
                stretch = packs.totals(tx, after, _PACKS_PER_READ)
            total_bytes += stretch.total_bytes
            dead_bytes += stretch.dead_bytes
            after = stretch.last_no
        return {"StoredBytes": total_bytes, "DeadBytes": dead_bytes}


def _forecast(tx: Tx, threshold: int) -> dict[str, object]:
    expected = forecast(tx, threshold)
    return {
        "SweepPending": expected.sweep_pending,
        "DeletedChunks": expected.deleted_chunks,
        "RemovedPacks": expected.removed_packs,
        "FreedBytes": expected.freed_bytes,
        "CompactedPacks": len(expected.compacted),
        "CopiedBytes": expected.copied_bytes,
        "Packs": [_shown(choice) for choice in expected.compacted[:_PACKS_SHOWN_MAX]],
        "Done": True,
    }


def _open_jobs(tx: Tx) -> dict[str, object]:
    jobs = [
        {
            "BackupJobId": job.uid,
            "ResourceArn": job.resource_arn,
            "BackupVaultName": job.vault_name,
            "Bytes": backup_jobs.put_so_far(tx, job, _PUT_LOOKED_AT),
        }
        for job in backup_jobs.live(tx, _JOBS_SHOWN_MAX)
    ]
    return {"OpenJobs": jobs} if jobs else {}


def _shown(choice: Choice) -> dict[str, object]:
    return {
        "PackId": choice.pack.uid.hex(),
        "Reason": choice.reason.value,
        "StoredBytes": choice.pack.total_bytes,
        "DeadBytes": choice.pack.dead_bytes,
    }


def _gained(gain: Gain) -> dict[str, object]:
    return {
        "SweptObjects": gain.swept_objects,
        "DeletedChunks": gain.deleted_chunks,
        "RemovedPacks": gain.removed_packs,
        "FreedBytes": gain.freed_bytes,
        "CompactedPacks": gain.compacted_packs,
        "CopiedBytes": gain.copied_bytes,
        "DamagedFrames": gain.damaged_frames,
    }


def _hold(standing: list[Hold]) -> dict[str, object]:
    return {"Hold": "; ".join(hold.reason for hold in standing)} if standing else {}

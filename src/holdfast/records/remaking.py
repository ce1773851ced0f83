"""Makes a catalog from packs and keys alone: walk, plan, replay, refer, measure (docs/design/rebuild.md)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from holdfast.blobs.port import BlobStore
from holdfast.catalog import holds, rebuilding
from holdfast.catalog.findings import Findings, FoundPack, FoundRecord, Place
from holdfast.catalog.transaction import Tx
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model.errors import NotFound, UnusableKey
from holdfast.model.outcome import Outcome
from holdfast.records import restoring
from holdfast.records.engines import VaultKeySource
from holdfast.records.references import add_references
from holdfast.records.replay import Replay, RestoredVault
from holdfast.records.report import LostPoint, Progress, RebuildReport
from holdfast.records.restoring import FoundVault, PlannedSeries
from holdfast.records.walk import PackWalk, Trouble

R = TypeVar("R")

_PACKS_AT_ONCE = 100
_RECORDS_AT_ONCE = 1000
_HOLDS_MAX = 100

RELEASE = "once nothing more can be found, let go of it with 'holdfast gc --release-hold'"


class NewCatalog(Protocol):
    """An empty catalog that nobody else uses."""

    def run(self, steps: Sequence[Callable[[Tx], object]]) -> list[Outcome]: ...


@dataclass(slots=True)
class Remaking:
    """Fills `catalog` from the packs in `blobs`; `findings` is empty at first."""

    blobs: BlobStore
    keys: VaultKeySource
    catalog: NewCatalog
    findings: Findings
    now_us: int
    report_progress: Progress
    report: RebuildReport = field(default_factory=RebuildReport)
    _unread: list[Trouble] = field(default_factory=list)
    _done_bytes: int = 0
    _total_bytes: int = 0

    def run(self, packs: Iterable[tuple[bytes, bytes]]) -> RebuildReport:
        """From the packs of these (vault uid, pack uid). Raises UnusableKey where keys are there and do not open."""
        keys = self._walk(sorted(packs))
        planned: dict[bytes, list[PlannedSeries]] = {}
        found: list[FoundVault] = []
        for uid in self.findings.vaults():
            vault = restoring.find_vault(self.findings, uid, keys[uid], self.now_us)
            if vault.state.retired_us is None:
                with self.findings:
                    planned[uid] = restoring.plan_vault(self.findings, uid)
                kept = sum(link.is_kept for series in planned[uid] for link in series.plan.links)
                vault = replace(vault, kept_points=kept)
            found.append(vault)
        settled = restoring.settle_names(found, self.now_us)
        restored = {vault.state.uid: self._restore(vault, planned.get(vault.state.uid, [])) for vault in settled}
        self._replay({uid: vault for uid, vault in restored.items() if vault is not None})
        for vault in settled:
            self._measure(vault.state.uid)
        self._place_holds()
        return self.report

    def progress(self, done_bytes: int) -> None:
        """Part of what the walk asks of its listener."""
        self._done_bytes += done_bytes
        self.report_progress("bytes of packs read", self._done_bytes, self._total_bytes)

    def trouble(self, trouble: Trouble) -> None:
        """Part of what the walk asks of its listener."""
        self.report.add_trouble(trouble)
        if (trouble.told is not None or trouble.is_unknown) and len(self._unread) < _HOLDS_MAX:
            self._unread.append(trouble)

    def write(self, step: Callable[[Tx], R]) -> R:
        """One durable transaction."""
        [outcome] = self.catalog.run([step])
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]

    def _open_keys(self, packs: list[tuple[bytes, bytes]]) -> dict[bytes, VaultKeys | None]:
        keys = {uid: self._keys(uid) for uid in sorted({vault for vault, _ in packs})}
        if not any(keys.values()):
            raise UnusableKey(
                "there are packs and none of the keys that they were written with: put them back with"
                " 'holdfast key import', or give the recovery bundle with --bundle"
            )
        return keys

    def _walk(self, packs: list[tuple[bytes, bytes]]) -> dict[bytes, VaultKeys | None]:
        keys = self._open_keys(packs)
        self.report.packs = len(packs)
        with self.findings:
            for vault, pack in packs:
                PackWalk(self.blobs, self.findings, vault, keys[vault], self).walk(pack)
        self.report.pack_bytes = self._done_bytes
        for trouble in self._unread:
            if trouble.told is None or not self.findings.is_superseded(*trouble.told):
                self._hold(
                    f"{trouble.pack} holds, at offset {trouble.offset}, {trouble.reason}: a recovery point may be"
                    f" missing, or one may be back that was deleted; {RELEASE}"
                )
        return keys

    def _keys(self, vault_uid: bytes) -> VaultKeys | None:
        try:
            return self.keys.open(vault_uid)
        except NotFound:
            self._hold(
                f"the keys of vault {vault_uid.hex()} are missing and its packs cannot be read: put them back with"
                f" 'holdfast key import' and rebuild once more, or, if they were destroyed on purpose, {RELEASE}"
            )
            return None

    def _restore(self, vault: FoundVault, planned: list[PlannedSeries]) -> RestoredVault | None:
        uid, name = vault.state.uid, vault.state.name
        vault_no = self.write(lambda tx: restoring.insert_vault(tx, vault, self.now_us))
        packs = list(self.findings.packs(uid))
        for start in range(0, len(packs), _PACKS_AT_ONCE):
            batch = packs[start : start + _PACKS_AT_ONCE]

            def insert(tx: Tx, batch: Sequence[FoundPack] = batch) -> None:
                for pack in batch:
                    restoring.insert_pack(tx, self.blobs, vault_no, uid, pack)

            self.write(insert)
        if vault.keys is None:
            return None
        restored = RestoredVault(vault_no, vault.keys)
        self._restore_records(restored, told_retired=vault.is_told and vault.state.retired_us is not None)
        if vault.state.retired_us is not None:
            return None
        self.report.vaults += 1
        if not vault.is_told:
            self.report.notes.append(
                f"of vault {uid.hex()} no record tells its settings as they are now: it is called {name!r}"
            )
        for series in planned:
            self.write(
                lambda tx, series=series: rebuilding.insert_series(  # type: ignore[misc]
                    tx, vault_no, series.resource_arn, series.last_seq
                )
            )
            self._note_lost(name, series)
        return restored

    def _restore_records(self, vault: RestoredVault, *, told_retired: bool) -> None:
        uid = vault.keys.vault_uid
        # What a deleted vault says of itself answers for everything that was in it.
        for deletions in (False,) if told_retired else (False, True):
            rows = self.findings.records(uid, deletions=deletions)
            while batch := [row for _, row in zip(range(_RECORDS_AT_ONCE), rows, strict=False)]:

                def insert(tx: Tx, batch: Sequence[tuple[FoundRecord, Place]] = batch) -> None:
                    for found, place in batch:
                        restoring.insert_record(tx, vault, found, place)

                self.write(insert)

    def _note_lost(self, vault_name: str, series: PlannedSeries) -> None:
        arn = series.resource_arn
        for seq in series.plan.gaps:
            self._lose(LostPoint(vault_name, arn, seq, None, "its manifest is missing or damaged"))
        for lost in series.plan.lost:
            self._lose(LostPoint(vault_name, arn, lost.seq, lost.point_uid, "it builds on one that is missing"))

    def _lose(self, lost: LostPoint) -> None:
        self.report.lost.append(lost)
        point = lost.point_uid or f"number {lost.seq}"
        self._hold(f"recovery point {point} of {lost.resource_arn} is not there: {lost.reason}; {RELEASE}")

    def _replay(self, vaults: dict[bytes, RestoredVault]) -> None:
        replay = Replay(self.blobs, self.findings, self, vaults)
        total = sum(1 for _ in self.findings.planned())
        for done, planned in enumerate(replay.points(), 1):
            self.report.recovery_points += planned.is_kept
            self.report_progress("recovery points", done, total)
        for missing in add_references(replay):
            self.report.add_missing(missing)
            self.report_progress("chunks looked up", 0, 0)

    def _measure(self, vault_uid: bytes) -> None:
        packs = list(self.findings.packs(vault_uid))
        for start in range(0, len(packs), _PACKS_AT_ONCE):
            batch = packs[start : start + _PACKS_AT_ONCE]

            def measure(tx: Tx, batch: Sequence[FoundPack] = batch) -> None:
                for pack in batch:
                    restoring.measure(tx, pack)

            self.write(measure)
            self.report_progress("packs measured", start + len(batch), len(packs))
        # Of a vault the uid is the name of that pack too (records.references).
        self.write(lambda tx: rebuilding.close_stand_in(tx, vault_uid))

    def _hold(self, reason: str) -> None:
        if reason not in self.report.holds and len(self.report.holds) < _HOLDS_MAX:
            self.report.holds.append(reason)

    def _place_holds(self) -> None:
        def place(tx: Tx) -> None:
            for reason in self.report.holds:
                holds.place(tx, reason, self.now_us)

        self.write(place)

"""What must be true when the troubles are over and every client has finished.

Everything is looked at twice, and in between a collection comes to its end.
"""

import random
from collections import Counter

from holdfast.client.api import Api
from torture.check import Checker
from torture.cluster import bucket, clients
from torture.cluster.crowd import Crowd
from torture.cluster.patience import Patience, PatientHand
from torture.cluster.rig import Rig
from torture.journal import LedgerJournal
from torture.section import Report

_EVERYTHING = 1_000_000
_COLLECTIONS = 3
_COLLECT_CALLS_MAX = 100
_COLLECT_CALLS_TOLD = 10
_NUMBER = 100
"""Of the client that looks; those that work have smaller ones."""


class Aftermath:
    """Looks at a service at rest; `wrong` holds what it found, one line each."""

    def __init__(
        self, rig: Rig, crowd: Crowd, journal: LedgerJournal, patience: Patience, dice: random.Random, report: Report
    ) -> None:
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self._rig = rig
        self._crowd = crowd
        self._journal = journal
        self._patience = patience
        self._dice = dice
        self._report = report

    def look(self) -> None:
        """Everything, in this order; the first look that finds something wrong is the last."""
        door = self._rig.door()
        api = door.api(self._patience)
        hand = clients.hand(door, self._journal, self._patience, self._dice, _NUMBER)
        steps = (
            lambda: self._look_at_everything(api, hand),
            lambda: self._verify(api),
            lambda: self._collect(api),
            lambda: self._look_at_everything(api, hand),
            lambda: self._verify(api),
            self._compare_agents,
            self._compare_bucket,
        )
        for step in steps:
            step()
            if self.wrong:
                break
        api.close()

    def _look_at_everything(self, api: Api, hand: PatientHand) -> None:
        checker = Checker(api, self._journal.ledger, self._journal, self._dice)
        checker.settle(hand)
        checker.look(points_max=_EVERYTHING, objects_max=_EVERYTHING)
        self.wrong += checker.wrong
        self.counts["objects compared at the end"] = checker.objects
        self.counts["recovery points compared at the end"] = checker.points
        self._report(f"looked at {checker.points} recovery points, read {checker.objects} objects")

    def _verify(self, api: Api) -> None:
        for part in api.verify_store():
            self.wrong += [f"verify found damage: {damage}" for damage in part.damages]
            self.wrong += [f"verify found a damaged manifest: {manifest}" for manifest in part.damaged_manifests]
            self.wrong += [f"verify found a damaged record: {record}" for record in part.damaged_records]
            if part.repaired_chunks:
                self.wrong.append(f"verify repaired {part.repaired_chunks} chunks that nobody had damaged")
        self._report("verified")

    def _collect(self, api: Api) -> None:
        """To the end, and again: what one collection leaves over the next may take."""
        for _ in range(_COLLECTIONS):
            for number, done in enumerate(api.collect_all_garbage(compact_threshold=1)):
                self.counts["bytes freed at the end"] += done.freed_bytes
                if number % _COLLECT_CALLS_TOLD == _COLLECT_CALLS_TOLD - 1:
                    self._report(f"still collecting: {done}")
                if done.hold:
                    self.wrong.append(f"collection is held: {done.hold}")
                    return
                if number > _COLLECT_CALLS_MAX:
                    self.wrong.append(f"collection does not come to its end; the last call did {done}")
                    return
        self._report(f"collected, {done.stored_bytes} bytes are stored")

    def _compare_agents(self) -> None:
        for agent in self._crowd.agents:
            self.wrong += agent.compare_all()
        self._report("restored what the agents had backed up")

    def _compare_bucket(self) -> None:
        if self._rig.backing is None:
            return
        census, wrong = bucket.compare(self._rig.backing)
        self.wrong += wrong
        self.counts["packs in the bucket at the end, each known"] = len(census.stored)
        unfinished = census.known - census.stored
        self._report(
            f"bucket: {len(census.stored)} packs, {len(census.known)} known, {len(census.doomed)} doomed,"
            f" {len(census.given_up)} given up ({len(census.given_up & census.stored)} came late),"
            f" {len(unfinished)} known and not there, {len(census.orphans())} orphans"
        )

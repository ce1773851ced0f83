"""What must be true when the troubles are over and every client has finished.

Everything is looked at twice, and in between a collection comes to its end.
"""

from holdfast.client.api import Api
from torture.check import Checker
from torture.cluster import bucket, clients
from torture.cluster.crowd import Crowd
from torture.cluster.patience import PatientHand
from torture.cluster.scene import Scene

_EVERYTHING = 1_000_000
_COLLECTIONS = 3
_COLLECT_CALLS_MAX = 100
_COLLECT_CALLS_TOLD = 10
_NUMBER = 100
"""Of the client that looks; those that work have smaller ones."""


class Aftermath:
    """Looks at a service at rest; `wrong` holds what it found, one line each."""

    def __init__(self, scene: Scene, crowd: Crowd) -> None:
        self.wrong: list[str] = []
        self._scene = scene
        self._crowd = crowd

    def look(self) -> None:
        """Everything, in this order; the first look that finds something wrong is the last."""
        here = self._scene
        api = here.door.api(here.patience)
        hand = clients.hand(here.door, here.journal, here.patience, here.dice, _NUMBER)
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

    def _look_at_everything(self, api: Api, hand: PatientHand) -> None:
        checker = Checker(api, self._scene.journal.ledger, self._scene.journal, self._scene.dice)
        checker.settle(hand)
        checker.look(points_max=_EVERYTHING, objects_max=_EVERYTHING)
        self.wrong += checker.wrong
        self._scene.counts["objects compared at the end"] = checker.objects
        self._scene.counts["recovery points compared at the end"] = checker.points
        self._scene.report(f"looked at {checker.points} recovery points, read {checker.objects} objects")

    def _verify(self, api: Api) -> None:
        for part in api.verify_store():
            self.wrong += [f"verify found damage: {damage}" for damage in part.damages]
            self.wrong += [f"verify found a damaged manifest: {manifest}" for manifest in part.damaged_manifests]
            self.wrong += [f"verify found a damaged record: {record}" for record in part.damaged_records]
            if part.repaired_chunks:
                self.wrong.append(f"verify repaired {part.repaired_chunks} chunks that nobody had damaged")
        self._scene.report("verified")

    def _collect(self, api: Api) -> None:
        """To the end, and again: what one collection leaves over the next may take."""
        stored_bytes = 0
        for _ in range(_COLLECTIONS):
            for number, done in enumerate(api.collect_all_garbage(compact_threshold=1)):
                self._scene.counts["bytes freed at the end"] += done.freed_bytes
                if number % _COLLECT_CALLS_TOLD == _COLLECT_CALLS_TOLD - 1:
                    self._scene.report(f"still collecting: {done}")
                if done.hold:
                    self.wrong.append(f"collection is held: {done.hold}")
                    return
                stored_bytes = done.stored_bytes
                if number > _COLLECT_CALLS_MAX:
                    self.wrong.append(f"collection does not come to its end; the last call did {done}")
                    return
        self._scene.report(f"collected, {stored_bytes} bytes are stored")

    def _compare_agents(self) -> None:
        for agent in self._crowd.agents:
            self.wrong += agent.compare_all()
        self._scene.report("restored what the agents had backed up")

    def _compare_bucket(self) -> None:
        if self._scene.rig.backing is None:
            return
        census, wrong = bucket.compare(self._scene.rig.backing)
        self.wrong += wrong
        self._scene.counts["packs in the bucket at the end, each known"] = len(census.stored)
        unfinished = census.known - census.stored
        self._scene.report(
            f"bucket: {len(census.stored)} packs, {len(census.known)} known, {len(census.doomed)} doomed,"
            f" {len(census.given_up)} given up ({len(census.given_up & census.stored)} came late),"
            f" {len(unfinished)} known and not there, {len(census.orphans())} orphans"
        )

"""What happens to a store beside its use: damage, collection, verification, rotation of keys, rebuilding, a kill.

None of it may change what the service shows, except that a damaged chunk may be an error until its bytes are sent again
(or repaired), and that a rebuild ends the jobs that ran.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from holdfast.app.key_care import rotate_root
from holdfast.app.rebuild import rebuild
from holdfast.app.unlock import Unlock
from holdfast.model.arn import source_arn
from holdfast.model.errors import NotFound
from holdfast.packfile.layout import Kind
from torture import killed_life
from torture.compared_store import SOURCES
from torture.content import Content, Piece
from torture.dictionary import Dictionary, Point, Running
from torture.inside import Damage
from torture.killed_life import Step
from torture.looking import Found, Look, pieces_of
from torture.tampering import frames_in
from torture.world import World, chosen, refused

POOL = tuple(Piece(seed, length) for seed, length in enumerate([33, 200, 1, 70, 512, 64, 4000, 90, 0, 300, 257, 1500]))
"""Every chunk and blob of a run is one of these, so that equal chunks meet again and again."""


class TroubledWorld(World):
    """A World with the steps that trouble it."""

    def corrupt(self, choice: int, place: int, bit: int, record: bool) -> None:
        """One bit of a stored frame, of a chunk or of a manifest or record. The next look finds it if it matters."""
        frames = [
            (pack, frame)
            for pack in self.inside.packs()
            for frame in frames_in(self.ground.read_blob(pack))
            if (frame.header.kind != Kind.CHUNK) == record
        ]
        if not frames:
            return
        pack, hit = chosen(frames, choice)
        offset = hit.offset + place % hit.header.frame_bytes
        keys = self.inside.system.keys.open(hit.header.vault)
        vault = self.inside.vault_names()[hit.header.vault.hex()]
        pieces = [piece for piece in POOL if keys.chunk_id(piece.digest()) == hit.header.frame_id]
        assert len(pieces) == (not record), "a chunk that nobody sent"

        def change(model: Dictionary, _: object) -> None:
            model.scars.add(pack)
            model.sick_manifests = model.sick_manifests or not pieces
            model.damaged.setdefault(vault, {}).update(dict.fromkeys(pieces, False))

        def harm() -> None:
            self.ground.flip(pack, offset, 1 << bit)
            self.inside.forget_reads()

        self._deed(harm, change)

    def noticed(self) -> list[tuple[int, Piece]]:
        """Chunks that a reader found damaged, each with a source of its vault."""
        return [
            (source, piece)
            for source, (vault, _) in enumerate(SOURCES)
            for piece, found in self.model.damaged.get(vault, {}).items()
            if found
        ]

    def heal(self, choice: int, name: int, way: int) -> None:
        """Sends the bytes of a chunk that a reader found damaged once more: from here on it must be there again."""
        if noticed := self.noticed():
            source, piece = chosen(noticed, choice)
            self.put(source, name, Content(((0, piece),)), way)

    def collect(self, threshold: int, dry: bool) -> None:
        """Collection and compaction until there is nothing left to do."""
        if dry:
            self.inside.call("CollectGarbage", DryRun=True, CompactThreshold=threshold)
            return
        self.inside.collect(threshold)

    def collect_everything(self) -> None:
        """The same after a restart, so that no pack is still written to: then nothing may stay that nobody needs."""
        self.restart()
        before = set(self.ground.names())
        self.collect(threshold=1, dry=False)
        busy = {vault for (vault, _), series in self.model.series.items() if series.running}
        for pack in before.intersection(self.ground.names()):
            uid = pack.split("/")[1]
            vault = self.inside.vault_names()[uid]
            if vault in busy or self.model.damaged.get(vault) or self.model.sick_manifests:
                continue
            needed = {piece for point in self.model.all_points(vault).values() for piece in pieces_of(point.view)}
            keys = self.inside.system.keys.open(bytes.fromhex(uid))
            ids = {keys.chunk_id(piece.digest()) for piece in needed}
            data = self.ground.read_blob(pack)
            chunks = [frame.header for frame in frames_in(data) if frame.header.kind == Kind.CHUNK]
            dead = sum(header.frame_bytes for header in chunks if header.frame_id not in ids)
            assert dead * 100 <= len(data), f"{pack}: {dead} bytes of chunks stay that no point needs"

    def rotate_key(self, source: int) -> None:
        """A new frame key for the source's vault."""
        self.inside.call("RotateVaultKey", BackupVaultName=SOURCES[source][0])

    def rotate_root(self) -> None:
        """A new root key."""
        self.inside.close()
        rotate_root(self.ground.options(), Unlock())
        self.open()

    def verify(self, source: int | None) -> None:
        """Of everything, or of a source: what is named must be exactly what a reader cannot read."""
        scope = {} if source is None else {"ResourceArn": source_arn(SOURCES[source][1])}
        of = [one for (_, name), one in self.model.series.items() if source is None or name == SOURCES[source][1]]
        points = [point for series in of for point in series.points.values()]
        if source is not None and not points:
            refused(NotFound, lambda: self.inside.verify(**scope))
            return
        verified = self.inside.verify(**scope)
        reported, sick = verified.damages, verified.records
        true = {damage for point in points for damage in self._unreadable(point)}
        assert reported == true, f"verify names {sorted(reported - true)} and leaves out {sorted(true - reported)}"
        assert not sick or self.model.sick_manifests, f"{sick} are named although nobody damaged them"
        if source is None and not sick:
            self.model.sick_manifests = False

    def rebuild(self, replace: bool) -> None:
        """A new catalog from packs and keys, in place of the old one or because it is gone. Jobs end with the old one.

        A damaged manifest or record must be made good first, which `verify` does. The damaged bytes may still lie dead
        in a pack, and nobody can tell what they were: then the rebuild holds collection back, and that is released.
        """
        self.verify(None)
        if self.model.sick_manifests:
            return
        self.inside.close()
        if not replace:
            self.ground.lose_catalog()
        report = rebuild(self.ground.options(), replace=replace, clock=self.clock)
        assert not report.lost, report.lost
        scars = self.model.scars.intersection(self.ground.names())
        assert scars or not report.holds, report.holds
        for series in self.model.series.values():
            series.running = None
            for point in series.points.values():
                point.reader = None
        self.open()
        if report.holds:
            answer = self.inside.call("CollectGarbage", Seconds=1)
            assert answer["Hold"], "a store that is held back collects"
            self.inside.call("CollectGarbage", Seconds=1, ReleaseHold=True)

    def _unreadable(self, point: Point) -> set[Damage]:
        """What of a point a reader gets errors for."""
        look, found = self.look(point), Found()
        look.enter(found)
        look.read(found)
        lost = found.lost()
        chunks = {
            (point.arn, name, index)
            for name, content in point.view.items()
            for index, piece in content.chunks
            if piece in lost
        }
        return chunks | {(point.arn, name, -1) for name, content in point.view.items() if content.blob in lost}

    def kill(self, steps: Sequence[Step], blow: int) -> None:
        """Another process does `steps` and is killed, latest when it has done them; then the store is opened again.

        What was acknowledged must be there; of what was under way, all or nothing.
        """
        self.inside.close()
        end = killed_life.live(self, steps, blow)
        self.ground.bury()
        self.model = end.acknowledged
        latest = end.possible or end.acknowledged
        self.clock.us = max(latest.now_us, self.model.now_us) + 1_000_000
        self.open()
        self._find_out(end.possible)

    def _find_out(self, possible: Dictionary | None) -> None:
        """Makes the dictionary say what became of the request that was under way."""
        for arn in [point.arn for point in self.points() if possible and not possible.series_of(point.arn)]:
            # A deletion that nobody answered is asked for again: until then a rebuild may bring the point back.
            self._delete_again(arn)
        if possible is not None and not self._is_so(self.model):
            assert self._is_so(possible), (
                "after the kill the store holds neither the state before a request nor after it"
            )
            self.model = possible
        for point in self.points():
            if possible is not None and (then := possible.series_of(point.arn)) and not then.points[point.arn].reader:
                # Its restore job may have been ended, or not: nobody can tell from outside.
                point.reader = None
        for (vault, name), series in self.model.series.items():
            if series.running is None:
                continue
            # The answer of the start may be what got lost: the list of jobs has it.
            [job] = self._jobs(vault, name)
            series.running.job, series.running.arn = job["BackupJobId"], job["RecoveryPointArn"]
            series.running.stray_uploads = True
            if possible is not None and series.running.arn in possible.series[vault, name].points:
                # A commit that was begun is made again, as a client that got no answer would do it.
                self._commit((vault, name), series.running, drop=True)

    def _delete_again(self, arn: str) -> None:
        vault, series = next((vault, one) for (vault, _), one in self.model.series.items() if arn in one.points)
        with suppress(NotFound):
            self.inside.call("DeleteRecoveryPoint", BackupVaultName=vault, RecoveryPointArn=arn)
        del series.points[arn]

    def _is_so(self, model: Dictionary) -> bool:
        """Whether points, jobs and names are those of `model`; their bytes are for `check`."""
        for (vault, name), series in model.series.items():
            listed = [
                arn for arn, shown in self.inside.points(vault).items() if shown["ResourceArn"] == source_arn(name)
            ]
            running = [job["BackupJobId"] for job in self._jobs(vault, name)]
            known = [series.running.job] if series.running else []
            if listed[::-1] != list(series.points) or len(running) != len(known):
                return False
            if running and known != [""] and (running != known or not self._shows(series.running)):
                return False
        return True

    def _shows(self, running: Running | None) -> bool:
        assert running is not None
        found = Found()
        Look(self.inside, running.job, running.view).enter(found)
        return not found.wrong

    def _jobs(self, vault: str, name: str) -> list[Any]:
        chosen_by: Mapping[str, object] = {
            "ByBackupVaultName": vault,
            "ByResourceArn": source_arn(name),
            "ByState": "RUNNING",
        }
        return list(self.inside.pages("ListBackupJobs", "BackupJobs", **chosen_by))

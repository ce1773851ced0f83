"""A service over a store and the dictionary of what it must hold, and how the two are compared."""

from holdfast.model.arn import source_arn
from torture.dictionary import Dictionary, Point, Series, Source
from torture.ground import Ground
from torture.inside import DAY_US, VAULT, HandClock, Inside
from torture.looking import Asked, Found, Look, is_damage

SOURCES: tuple[Source, ...] = ((VAULT, "alpha"), (VAULT, "beta"), ("other", "alpha"))
LEASE_OVER_US = 180 * DAY_US
"""Long after any lease: clocks jump by whole years here."""
_PAGES = (100, 1, 2, 3)


class ComparedStore:
    """A new store with the vaults of SOURCES, and its dictionary."""

    def __init__(self, ground: Ground) -> None:
        """Makes the store there."""
        self.ground = ground
        self.clock = HandClock()
        self.model = Dictionary({source: Series() for source in SOURCES}, self.clock.us)
        self.inside = Inside(ground, self.clock)
        self._checks = 0
        for vault in {vault for vault, _ in SOURCES} - {VAULT}:
            self.inside.call("CreateBackupVault", BackupVaultName=vault)

    def open(self) -> None:
        """The store, closed by now, or left by a process that was killed."""
        self.inside = Inside(self.ground, self.clock)

    def close(self) -> None:
        """As a service that is stopped."""
        self.inside.close()

    def check(self) -> None:
        """Everything that the service shows, against the dictionary. AssertionError says what differs."""
        self._checks += 1
        found = Found()
        for vault in {vault for vault, _ in SOURCES}:
            self._check_points(found, vault)
            looks = [self.look(point) for point in self.model.all_points(vault).values()]
            jobs = [series.running for (of, _), series in self.model.series.items() if of == vault and series.running]
            looks += [Look(self.inside, running.job, running.view) for running in jobs]
            self._check_views(found, vault, looks)
        assert not found.wrong, "\n".join(found.wrong)

    def _check_views(self, found: Found, vault: str, looks: list[Look]) -> None:
        seen = Found()
        for look in looks:
            look.enter(seen, _PAGES[self._checks % len(_PAGES)])
            look.read(seen)
        found.wrong += seen.wrong
        damaged = self.model.damaged.get(vault, {})
        may_fail = {asked for look in looks for piece in damaged for asked in look.touched_by(piece)}
        for asked, error in seen.errors.items():
            if asked not in may_fail or not is_damage(error):
                found.wrong.append(f"{asked} is {error!r}")
        lost = seen.lost()
        shown = {piece for look in looks for piece in look.pieces()}
        self.model.noticed += sum(piece in lost and not noticed for piece, noticed in damaged.items())
        # A chunk that can be read although a frame of it was damaged stands in another frame.
        self.model.damaged[vault] = {
            piece: noticed or piece in lost for piece, noticed in damaged.items() if piece in lost or piece not in shown
        }

    def _check_points(self, found: Found, vault: str) -> None:
        points = self.model.all_points(vault)
        listed = self.inside.points(vault, _PAGES[self._checks % len(_PAGES)])
        asked = Asked("", "ListRecoveryPointsByBackupVault", vault)
        found.compare(asked, set(listed), set(points))
        for arn, shown in listed.items():
            if arn in points:
                points[arn].shown = points[arn].shown or shown
                found.compare(asked._replace(name=arn), shown, points[arn].shown)
        for (of, name), series in self.model.series.items():
            if of == vault:
                mine = [arn for arn, shown in listed.items() if shown["ResourceArn"] == source_arn(name)]
                found.compare(asked._replace(name=name), mine, list(series.points)[::-1])

    def look(self, point: Point) -> Look:
        """A look at a point, by the restore job that reads it; another is started where that one has ended."""
        if point.reader is None or self.clock.us > point.reader_us + LEASE_OVER_US:
            point.reader, point.reader_us = self.inside.restore(point.arn), self.clock.us
        return Look(self.inside, point.reader, point.view)

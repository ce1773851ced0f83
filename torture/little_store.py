"""A small store with one of everything, made through the service, and what must be read from it.

Two vaults; sources with points that build on each other; a deleted point; an upload in many chunks; the same chunk in
several objects; metadata strings and blobs; an empty object; a job that runs, with an open upload. Chunks are short, so
that every byte of every file can be tried.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torture.content import Content, Piece
from torture.inside import VAULT, Inside
from torture.looking import Asked, Found, Look, pieces_of

OTHER_VAULT = "other"

View = dict[str, Content]


@dataclass(slots=True)
class LittleStore:
    """What a store holds, apart from the store: its directory may be copied and damaged as one likes."""

    views: dict[str, View] = field(default_factory=dict)
    """What each storage job must show: restore jobs of every point, and the running job."""
    points: dict[str, list[str]] = field(default_factory=dict)
    """The ARNs that each vault must list, newest first."""
    vault_of: dict[str, str] = field(default_factory=dict)
    """The vault of each storage job."""
    point_views: dict[str, View] = field(default_factory=dict)
    """What each point that is listed, and the deleted one, must show to whoever starts a restore job of it."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What lists tell of vaults and points: by name, and by ARN."""
    running: str = ""
    """The id of the job that runs."""

    def looks(self, inside: Inside) -> list[Look]:
        """A look at every view."""
        return [Look(inside, job, view) for job, view in self.views.items()]

    def look(self, inside: Inside, page: int = 100) -> Found:
        """Everything that the store shows, listed and read once."""
        found = Found()
        for vault, arns in self.points.items():
            asked = Asked("", "ListRecoveryPointsByBackupVault", vault)
            listed = found.ask(asked, partial(_arns, inside, vault))
            if listed is not None:
                found.compare(asked, listed, arns)
        for look in self.looks(inside):
            look.enter(found, page)
            look.read(found)
        return found

    def pieces(self, vault: str) -> set[Piece]:
        """Every chunk and blob that some view of the vault shows."""
        return {piece for job, view in self.views.items() if self.vault_of[job] == vault for piece in pieces_of(view)}


def make(inside: Inside) -> LittleStore:
    """Fills an empty store."""
    store = LittleStore()
    inside.call("CreateBackupVault", BackupVaultName=OTHER_VAULT)
    shared = Piece(2, 180)
    first: View = {
        "empty": Content(),
        "small": Content(((0, Piece(1, 90)),), note="a note"),
        "twin": Content(((0, shared),)),
        "d/long": Content(((0, Piece(3, 130)), (1, shared), (7, Piece(5, 70))), "é", Piece(7, 60)),
        "only a blob": Content((), None, Piece(9, 44)),
    }
    second = {name: content for name, content in first.items() if name != "twin"} | {
        "small": Content(((0, Piece(11, 75)),)),
        "new": Content(((0, Piece(12, 260)),), "n", Piece(7, 60)),
    }
    third = second | {"brief": Content(((0, Piece(13, 50)),))}
    other: View = {"small": Content(((0, Piece(1, 90)),)), "blob": Content(((0, shared),), None, Piece(15, 40))}
    base, newer = _commit(inside, "a", VAULT, {}, first), _commit(inside, "a", VAULT, first, second)
    gone = _commit(inside, "a", VAULT, second, third)
    inside.call("DeleteRecoveryPoint", BackupVaultName=VAULT, RecoveryPointArn=gone)
    apart = _commit(inside, "b", OTHER_VAULT, {}, other)
    store.points = {VAULT: [newer, base], OTHER_VAULT: [apart]}
    for vault, arn, view in ((VAULT, base, first), (VAULT, newer, second), (OTHER_VAULT, apart, other)):
        reader = inside.restore(arn)
        store.views[reader], store.vault_of[reader] = view, vault
        store.point_views[arn] = view
    store.point_views[gone] = third
    store.shown = everything_listed(inside)
    # The last two transactions of all change nothing that can be seen, and the one before them does: see catalog_flips.
    store.running, _ = inside.start("a")
    store.vault_of[store.running] = VAULT
    upload = inside.open_upload(store.running, "not done")
    fourth = {name: content for name, content in second.items() if name != "new"} | {
        "now": Content(((0, Piece(17, 66)),), "running")
    }
    _change(inside, store.running, second, fourth)
    store.views[store.running] = fourth
    inside.put_chunk(store.running, upload, 3, Piece(19, 55))
    inside.put_chunk(store.running, upload, 4, Piece(21, 45))
    return store


def everything_listed(inside: Inside) -> dict[str, dict[str, Any]]:
    """Vaults by name and points by ARN, with all that lists tell of them."""
    listed = {
        str(vault["BackupVaultName"]): dict(vault) for vault in inside.pages("ListBackupVaults", "BackupVaultList")
    }
    for vault in list(listed):
        listed |= inside.points(vault)
    return listed


def _arns(inside: Inside, vault: str) -> list[str]:
    return list(inside.points(vault))


def _commit(inside: Inside, source: str, vault: str, base: View, view: View) -> str:
    job, _ = inside.start(source, vault)
    _change(inside, job, base, view)
    return inside.commit(job)


def _change(inside: Inside, job: str, base: View, view: View) -> None:
    """Makes the job's view, which is `base`, be `view`; each object by another of the ways that there are."""
    for name in base.keys() - view.keys():
        inside.call("DeleteObject", BackupJobId=job, ObjectName=name)
    for way, (name, content) in enumerate(view.items()):
        if base.get(name) != content:
            inside.put(job, name, content, way)

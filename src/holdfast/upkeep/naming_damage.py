"""The stage of a verification that says what damage means: exact objects of exact recovery points, page by page.

It goes by what the catalog knows to be bad, whoever found it (this verification, an earlier one, a reader), and looks
once more before it says so: what can be read by now is no damage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.catalog import damage, frames
from holdfast.catalog.damage import AFTER_ALL, BEFORE_ALL, Reference
from holdfast.catalog.scope import Scope
from holdfast.model.arn import recovery_point_arn
from holdfast.upkeep.checking import Checked, Checker
from holdfast.upkeep.verify_cursor import Cursor

_REFERENCES_PER_PIECE = 200
_POINTS_PER_PIECE = 500


@dataclass(slots=True)
class Named:
    """What one piece names, as the members of the answer; `cursor` is None when nothing is left."""

    cursor: Cursor | None
    damages: list[Mapping[str, object]] = field(default_factory=list)
    manifests: list[Mapping[str, object]] = field(default_factory=list)
    records: list[Mapping[str, object]] = field(default_factory=list)
    checked: Checked = field(default_factory=Checked)


def name_damage(checker: Checker, cursor: Cursor, scopes: Sequence[Scope] | None) -> Named:
    """The next few of what is damaged in the scopes (None: anywhere)."""
    chunk_no, object_no, index, seq = cursor.place
    after = Reference(cursor.series_no, object_no, index)
    if not chunk_no:
        return _next_chunk(checker, cursor, 0, scopes)
    reason = checker.reason(chunk_no)
    if reason is None:
        return _next_chunk(checker, cursor, chunk_no, scopes)
    named = Named(None)
    with checker.catalog.snapshot() as tx:
        pending = damage.references(tx, chunk_no, after, _REFERENCES_PER_PIECE)
        if seq:
            # This object has more recovery points than fitted into the piece before.
            pending.insert(0, after)
        for reference in pending:
            seen = damage.seen_by(tx, reference.object_no, seq, _POINTS_PER_PIECE)
            named.damages += [
                {
                    "RecoveryPointArn": recovery_point_arn(one.point_uid),
                    "ResourceArn": one.resource_arn,
                    "ObjectName": one.name,
                    "ChunkIndex": reference.index,
                    "Reason": reason,
                }
                for one in seen
                if _within(scopes, one.series_no, one.seq)
            ]
            if len(seen) == _POINTS_PER_PIECE:
                named.cursor = _moved(cursor, chunk_no, reference, seen[-1].seq)
                return named
            seq = 0
            named.cursor = _moved(cursor, chunk_no, reference)
            if len(named.damages) >= _POINTS_PER_PIECE:
                return named
    return named if pending else _next_chunk(checker, cursor, chunk_no, scopes)


def _next_chunk(checker: Checker, cursor: Cursor, after: int, scopes: Sequence[Scope] | None) -> Named:
    """The cursor at the next bad chunk; what manifest or record that chunk is, is named here."""
    with checker.catalog.snapshot() as tx:
        found = damage.bad_page(tx, after, 1)
        bad = frames.of_numbers(tx, found)
    if not found:
        return Named(None)
    named = Named(_moved(cursor, found[0], BEFORE_ALL), checked=checker.check(bad))
    reason = checker.reason(found[0])
    if reason is None:
        named.cursor = _moved(cursor, found[0], AFTER_ALL)
        return named
    with checker.catalog.snapshot() as tx:
        named.manifests += [
            {
                "RecoveryPointArn": recovery_point_arn(one.point_uid),
                "ResourceArn": one.resource_arn,
                "Kept": one.state == "KEPT",
                "Reason": reason,
            }
            for one in damage.manifests_of(tx, found)
            if _within(scopes, one.series_no, one.seq)
        ]
        if scopes is None:
            named.records += [
                {"BackupVaultName": one.vault_name, "Kind": one.kind, "Subject": one.subject, "Reason": reason}
                for one in damage.records_of(tx, found[0])
            ]
    return named


def _moved(cursor: Cursor, chunk_no: int, after: Reference, seq: int = 0) -> Cursor:
    """Behind that reference to the chunk, and behind the recovery point `seq` that sees it."""
    return cursor.at(cursor.stage, after.series_no).moved(chunk_no, after.object_no, after.index, seq)


def _within(scopes: Sequence[Scope] | None, series_no: int, seq: int) -> bool:
    return scopes is None or any(one.series_no == series_no and one.lowest <= seq <= one.highest for one in scopes)

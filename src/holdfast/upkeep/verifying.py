"""VerifyStore under its wire name: checks for some seconds, says what was found, and gives a token to go on with.

Everything is read first and what is damaged is named afterwards, from the catalog, where each check notes what it
finds. So the answer is the same whoever found the damage, and nothing has to be remembered between two requests but a
place.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from holdfast.access.authenticate import Caller
from holdfast.blobs.port import BlobStore
from holdfast.catalog import pack_checks, packs, recovery_points, scope
from holdfast.catalog.scope import Scope
from holdfast.catalog.transaction import Tx
from holdfast.chunks.packs import pack_name
from holdfast.model.arn import check_arn, recovery_point_arn, recovery_point_uid
from holdfast.model.clock import Clock
from holdfast.model.errors import Damaged, InvalidInput, NotFound
from holdfast.model.limits import PARITY_PERCENT_MAX
from holdfast.model.token import TokenMint
from holdfast.upkeep import verify_cursor
from holdfast.upkeep.adding_parity import ParityKeeper
from holdfast.upkeep.checking import Checked, Checker
from holdfast.upkeep.naming_damage import name_damage
from holdfast.upkeep.number_set import NumberSet
from holdfast.upkeep.verify_cursor import DAMAGES, MANIFESTS, PACKS, PARITY, Cursor
from holdfast.upkeep.verify_stages import Piece, first_stage, read_manifests, read_objects, read_packs

Params = Mapping[str, object]
Answer = Mapping[str, object]
Handler = Callable[[Caller, Params], Answer]

_SECONDS_DEFAULT = 5
_NAMED_MAX = 1000
_RUNS_MAX = 4
_UNMEASURED_MAX = 1000
_PACKS_PER_READ = 2000


@dataclass(slots=True)
class _Found:
    """What one request has come to."""

    checked: Checked = field(default_factory=Checked)
    damages: list[Mapping[str, object]] = field(default_factory=list)
    manifests: list[Mapping[str, object]] = field(default_factory=list)
    records: list[Mapping[str, object]] = field(default_factory=list)
    parity_added: int = 0
    without_parity: int = 0

    def is_full(self) -> bool:
        return len(self.damages) + len(self.manifests) + len(self.records) >= _NAMED_MAX


@dataclass(slots=True)
class Verifying:
    """The operation. Safe for many threads; what is remembered between requests only saves reading twice."""

    checker: Checker
    keeper: ParityKeeper
    blobs: BlobStore
    tokens: TokenMint
    clock: Clock
    measure: Callable[[int], object]
    """Measures packs that nobody appends to any more, a few at a time; falsy when there is none (upkeep.survey)."""
    monotonic: Callable[[], float] = time.monotonic
    _seen: OrderedDict[bytes, NumberSet] = field(default_factory=OrderedDict)

    def handlers(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {verify_cursor.OPERATION: lambda _, params: self.verify_store(params)}

    def verify_store(self, params: Params) -> Answer:
        """Checks one recovery point, all of one source, or everything, for up to Seconds.

        Raises NotFound for a recovery point or source that there is not (any more), InvalidInput, Unavailable,
        UnusableKey.
        """
        until = self.monotonic() + cast(int, params.get("Seconds", _SECONDS_DEFAULT))
        token = cast(str | None, params.get("NextToken"))
        cursor = self._begin(params) if token is None else verify_cursor.opened(self.tokens, token)
        scopes = self._scopes(cursor)
        total_bytes = cursor.total_bytes
        found = _Found()
        following: Cursor | None = cursor
        while following is not None:
            following = self._piece(following, scopes, found)
            if found.is_full() or self.monotonic() >= until:
                break
        return {
            "CheckedChunks": found.checked.frames,
            "CheckedBytes": found.checked.frame_bytes,
            "TotalBytes": total_bytes,
            "DamagedChunks": found.checked.damaged,
            "RepairedChunks": found.checked.repaired,
            "ResealedManifests": found.checked.resealed,
            "Damages": found.damages,
            "DamagedManifests": found.manifests,
            "DamagedRecords": found.records,
            "ParityAdded": found.parity_added,
            "PacksWithoutParity": found.without_parity,
            "NextToken": None if following is None else verify_cursor.issue(self.tokens, following),
        }

    def _begin(self, params: Params) -> Cursor:
        point_arn = cast(str | None, params.get("RecoveryPointArn"))
        resource_arn = cast(str | None, params.get("ResourceArn"))
        percent = cast(int, params.get("AddParity") or 0)
        if point_arn is not None and resource_arn is not None:
            raise InvalidInput("RecoveryPointArn and ResourceArn are both given: name one of them, or neither for all")
        if percent and (point_arn is not None or resource_arn is not None):
            raise InvalidInput("AddParity is for the whole store: leave RecoveryPointArn and ResourceArn out")
        if not 0 <= percent <= PARITY_PERCENT_MAX:
            raise InvalidInput(f"AddParity is {percent}: it must be 1 to {PARITY_PERCENT_MAX} percent")
        uid = None if point_arn is None else _point_uid(point_arn)
        if resource_arn is not None:
            check_arn(resource_arn, "ResourceArn")
        cursor = verify_cursor.first(os.urandom(8), resource_arn, uid, percent)
        scopes = self._scopes(cursor)
        if scopes is None:
            with self.checker.catalog.snapshot() as tx:
                last_no = pack_checks.last_no(tx)
            return msgspec.structs.replace(cursor, total_bytes=self._all_bytes(), last_pack_no=last_no)
        with self.checker.catalog.snapshot() as tx:
            largest = [scope.largest_point(tx, one) for one in scopes]
        if not sum(count for _, count in largest):
            raise NotFound(f"there is no recovery point of {resource_arn}: 'holdfast points' lists them")
        total = sum(size for size, _ in largest)
        return first_stage(msgspec.structs.replace(cursor, total_bytes=total), scopes)

    def _scopes(self, cursor: Cursor) -> list[Scope] | None:
        """What is to be verified, as it stands now; None for everything. Raises NotFound."""
        if cursor.point_uid is None and cursor.resource_arn is None:
            return None
        with self.checker.catalog.snapshot() as tx:
            if cursor.resource_arn is not None:
                return [Scope(series_no) for series_no in scope.series_of(tx, cursor.resource_arn)]
            return [_scope_of_point(tx, cursor.point_uid or "")]

    def _piece(self, cursor: Cursor, scopes: Sequence[Scope] | None, found: _Found) -> Cursor | None:
        if cursor.stage == DAMAGES:
            named = name_damage(self.checker, cursor, scopes)
            found.damages += named.damages
            found.manifests += named.manifests
            found.records += named.records
            if named.cursor is None and cursor.parity_percent:
                return cursor.at(PARITY)
            return named.cursor
        if cursor.stage == PARITY:
            return self._add_parity(cursor, found)
        piece = self._read(cursor, scopes)
        found.checked += piece.checked
        return piece.cursor

    def _read(self, cursor: Cursor, scopes: Sequence[Scope] | None) -> Piece:
        if cursor.stage == PACKS or scopes is None:
            return read_packs(self.checker, cursor, self.clock.now_us())
        left = [one for one in scopes if one.series_no >= cursor.series_no]
        if not left:
            return Piece(cursor.at(DAMAGES))
        chosen, seen = left[0], self._remembered(cursor.run)
        if cursor.stage == MANIFESTS:
            return read_manifests(self.checker, cursor, chosen, seen)
        return read_objects(self.checker, cursor, chosen, seen, lambda: first_stage(cursor, left[1:]))

    def _remembered(self, run: bytes) -> NumberSet:
        """What this verification has read, as far as it is remembered."""
        seen = self._seen.get(run)
        if seen is None:
            seen = self._seen[run] = NumberSet()
            while len(self._seen) > _RUNS_MAX:
                self._seen.popitem(last=False)
        return seen

    def _add_parity(self, cursor: Cursor, found: _Found) -> Cursor | None:
        if self.measure(self.clock.now_us()):
            return cursor
        with self.checker.catalog.snapshot() as tx:
            found_packs = pack_checks.without_parity(tx, cursor.place[0], 1)
        if not found_packs:
            return None
        [pack] = found_packs
        try:
            if pack.size:
                found.parity_added += self.keeper.add(pack, cursor.parity_percent)
        except Damaged:
            found.without_parity += 1
        return cursor.moved(pack.pack_no)

    def _all_bytes(self) -> int:
        """About how many bytes are in use in all packs."""
        total = 0
        after: int | None = 0
        while after is not None:
            with self.checker.catalog.snapshot() as tx:
                stretch = packs.totals(tx, after, _PACKS_PER_READ)
            total += stretch.total_bytes - stretch.dead_bytes
            after = stretch.last_no
        with self.checker.catalog.snapshot() as tx:
            growing = pack_checks.unmeasured(tx, _UNMEASURED_MAX)
        return total + sum(self._size(pack.vault, pack.uid) for pack in growing)

    def _size(self, vault: bytes, pack: bytes) -> int:
        try:
            return self.blobs.size(pack_name(vault, pack))
        except NotFound:
            return 0


def _point_uid(arn: str) -> str:
    uid = recovery_point_uid(check_arn(arn, "RecoveryPointArn"))
    if uid is None:
        raise NotFound(f"{arn[:200]} is not the ARN of a recovery point here: they begin with {recovery_point_arn('')}")
    return uid


def _scope_of_point(tx: Tx, uid: str) -> Scope:
    point = recovery_points.find(tx, uid)
    if point is None:
        raise NotFound(f"there is no recovery point {recovery_point_arn(uid)}: 'holdfast points' lists them")
    return Scope(point.series_no, point.seq, point.seq)

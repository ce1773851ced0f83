"""Compares what is in the bucket with what the catalog knows, from outside: no code of the service is asked.

After a collection has come to its end, every pack in the bucket has a row, and every pack that chunks stand in is in
the bucket. What there is besides, the catalog explains: a pack that is doomed, or one that was registered and not
uploaded, or one that came after its node had been taken for dead.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from torture.cluster.rig import PREFIX, SCHEMA, Backing

_SETTLE_SECONDS_MAX = 60.0
_LOOK_SECONDS = 1.0
_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Census:
    """Names of packs, as `<vault>/<pack>`."""

    stored: frozenset[str]
    """In the bucket."""
    known: frozenset[str]
    """With a row of their own."""
    referred_to: frozenset[str]
    """Of these, the ones that a chunk stands in."""
    doomed: frozenset[str]
    """On their way out."""
    given_up: frozenset[str]
    """Removed before they were there, and to be removed once more: their upload may have come later."""
    strangers: frozenset[str]
    """Objects in the bucket that are no packs, no parity of known packs, no keys, no marks; and unfinished uploads."""

    def orphans(self) -> frozenset[str]:
        """In the bucket, and nobody knows of them."""
        return (self.stored - self.known - self.doomed - self.given_up) | self.strangers

    def missing(self) -> frozenset[str]:
        """Not in the bucket although chunks stand in them."""
        return self.referred_to - self.stored


def compare(backing: Backing) -> tuple[Census, list[str]]:
    """The census once it has settled, and what is wrong with it if it does not."""
    until = time.monotonic() + _SETTLE_SECONDS_MAX
    while True:
        census = _census(backing)
        wrong = [
            *(f"{name} lies in the bucket and nobody knows of it" for name in _some(census.orphans())),
            *(f"pack {name} has chunks and is not in the bucket" for name in _some(census.missing())),
        ]
        if not wrong or time.monotonic() > until:
            return census, wrong
        time.sleep(_LOOK_SECONDS)


def _census(backing: Backing) -> Census:
    with psycopg.connect(backing.postgres.url(backing.database)) as connection:
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # The bucket first: a pack that is stored after this look has its row before.
        names, unfinished = set(_objects(backing)), set(_unfinished(backing))
        connection.rollback()
        connection.execute(f"SET search_path TO {SCHEMA}")
        known = _names(connection, "SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no)")
        referred_to = _names(
            connection,
            "SELECT v.uid, p.uid FROM packs p JOIN vaults v USING (vault_no)"
            " WHERE EXISTS (SELECT 1 FROM chunks c WHERE c.pack_no = p.pack_no)",
        )
        doomed = _names(connection, "SELECT vault_uid, uid FROM doomed_packs")
        given_up = _names(connection, "SELECT vault_uid, uid FROM late_packs")
    stored = {name.removeprefix("packs/") for name in names if name.startswith("packs/")}
    parity = {name.removeprefix("parity/") for name in names if name.startswith("parity/")}
    others = {name for name in names if not name.startswith(("packs/", "parity/", "keys/", "marks/"))}
    strangers = others | unfinished | {f"parity/{name}" for name in parity - known - doomed}
    return Census(frozenset(stored), known, referred_to, doomed, given_up, frozenset(strangers))


def _objects(backing: Backing) -> Iterator[str]:
    pages = backing.gateway.client().get_paginator("list_objects_v2").paginate(Bucket=backing.bucket)
    for page in pages:
        for found in page.get("Contents", []):
            yield found["Key"].removeprefix(f"{PREFIX}/")


def _unfinished(backing: Backing) -> Iterator[str]:
    pages = backing.gateway.client().get_paginator("list_multipart_uploads").paginate(Bucket=backing.bucket)
    for page in pages:
        for found in page.get("Uploads", []):
            yield f"unfinished upload of {found['Key']}"


def _names(connection: psycopg.Connection, query: str) -> frozenset[str]:
    rows = connection.execute(query.encode()).fetchall()
    return frozenset(f"{bytes(vault).hex()}/{bytes(pack).hex()}" for vault, pack in rows)


def _some(names: frozenset[str]) -> list[str]:
    return sorted(names)[:_SHOWN_MAX]

"""Keys that a store had and has no more, as after the import of a bundle that is older than the last rotation.

The catalog remembers the number of each vault's newest key. Without a key what was written under it cannot be read, and
looks like damage; so it is said when the store is opened and when a bundle is imported.
"""

from collections.abc import Iterable

from holdfast.catalog import vault_keys
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.keys import record
from holdfast.keys.port import KeyRecords
from holdfast.observe.logs import Logger

REMEDY = "import a recovery bundle that was exported after they were made, with 'holdfast key import'"


def missing_keys(tx: Tx, records: Iterable[str], root_id: bytes | None) -> list[str]:
    """What is missing of each vault, in words: `vault 'photos': key 2`. `records` are the names of key records."""
    found = vault_keys.latest(tx)
    gone = record.missing(records, {uid: number for uid, _, number in found}, root_id)
    return [f"vault {name!r}: {_numbers(gone[uid])}" for uid, name, _ in found if uid in gone]


def warn_of_missing_keys(catalog: Catalog, blobs: KeyRecords, root_id: bytes, log: Logger) -> None:
    """A line in the log where keys are missing. What was written under others can be read all the same."""
    with catalog.snapshot() as tx:
        missing = missing_keys(tx, blobs.list(record.PREFIX), root_id)
    if missing:
        log.warning(
            "keys are missing, and what was written under them cannot be read",
            part="keys",
            missing="; ".join(missing),
            remedy=REMEDY,
        )


def _numbers(numbers: list[int]) -> str:
    return f"key{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"

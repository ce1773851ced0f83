"""ThrowOnDuplicate looks at the job's view when an object is started, and again at its completion (contract 3.4)."""

from holdfast.catalog import objects
from holdfast.catalog.objects import View
from holdfast.catalog.transaction import Tx
from holdfast.dataplane import digests
from holdfast.keys.vault_keys import VaultKeys
from holdfast.model import checksum
from holdfast.model.errors import DataExists


def refuse_duplicate(tx: Tx, keys: VaultKeys, view: View, name: str) -> None:
    """Raises DataExists, with the stored checksum, if the view holds an object called `name`."""
    found = objects.find(tx, view, name)
    if found is not None:
        object_no, sealed = found
        raise DataExists(
            f"the job's view holds an object {name!r} and ThrowOnDuplicate is set:"
            " delete it first, or leave the flag out",
            checksum=digests.object_checksum_text(keys, object_no, sealed),
            checksum_algorithm=checksum.SUMMARY,
        )

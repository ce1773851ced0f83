"""Another root key for a store: every key record wrapped anew, no frame touched.

The order is the safety. Records under the new root key are written beside the old ones, each is read back and opened,
then the root key's file is replaced in one step, then the old records go. So at every moment the root key that lies in
the file opens a whole set of records. What a crash leaves is of no use to anyone and is removed at the next opening:
before the file was replaced the new records, after it the old ones. Nothing is removed before the file that decides
between them is durable.
"""

import contextlib
import os
from collections.abc import Callable

from holdfast.keys import record
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.port import KeyProvider, KeyRecords, RootKeyFile
from holdfast.keys.protection import Protection
from holdfast.keys.record import TOKENS, RecordName
from holdfast.keys.ring import token_key
from holdfast.keys.root_file import ROOT_KEY_BYTES
from holdfast.model.errors import Damaged, HoldfastError, UnusableKey


def rotate_root(
    place: RootKeyFile,
    records: KeyRecords,
    old: LocalKeyProvider,
    protection: Protection,
    *,
    random: Callable[[int], bytes] = os.urandom,
) -> LocalKeyProvider:
    """The provider of a new root key, which lies in its file under `protection` and wraps everything.

    Nobody else may use the store meanwhile. Raises Damaged or UnusableKey if a record does not open, Unavailable where
    the disk or the KMS refuses: then the store opens with whichever root key is in the file.
    """
    new = LocalKeyProvider(random(ROOT_KEY_BYTES), random=random)
    text = new.seal_root(protection)
    slots = record.by_slot(records.list(record.PREFIX))
    tokens = token_key(old, records)
    slots.pop(TOKENS, None)
    for slot, names in slots.items():
        name = record.chosen(names, old.root_id)
        keys = record.unseal(old, name, records.get(name.text))
        _rewrap(records, new, RecordName(slot, new.root_id), keys)
    # Tokens that clients hold stay good: their key was the old root key's own, and is a record from now on.
    _rewrap(records, new, RecordName(TOKENS, new.root_id), tokens)
    place.replace(ROOT_KEY_NAME, text)
    # From here on the change is made, and durable. What cannot be removed now is removed at the next opening.
    with contextlib.suppress(HoldfastError):
        _remove_superseded(records, new)
    return new


def finish_rotation(place: RootKeyFile, records: KeyRecords, provider: KeyProvider) -> int:
    """Remove what an interrupted change of the root key left behind; how many records went.

    None goes unless every key of the store opens under the root key in the file: with the wrong root key in its place
    nothing is removed.
    """
    slots = record.by_slot(records.list(record.PREFIX))
    if all(len(names) == 1 for slot, names in slots.items() if slot != TOKENS):
        return 0
    # The file decides which records are left over, and whoever replaced it may have been killed before that was
    # durable: until it is, a power cut could bring the other one back.
    place.settle(ROOT_KEY_NAME)
    try:
        return _remove_superseded(records, provider)
    except (Damaged, UnusableKey):
        return 0


def _rewrap(records: KeyRecords, new: KeyProvider, name: RecordName, keys: bytes) -> None:
    records.put(name.text, record.seal(new, name, keys))
    if record.unseal(new, name, records.get(name.text)) != keys:
        raise Damaged(f"the key record {name.text} does not read back as it was written: the root key was not changed")


def _remove_superseded(records: KeyRecords, provider: KeyProvider) -> int:
    slots = record.by_slot(records.list(record.PREFIX))
    # Without a record of this root key the token key is derived from it.
    kept = {RecordName(TOKENS, provider.root_id)}
    kept |= {record.chosen(names, provider.root_id) for slot, names in slots.items() if slot != TOKENS}
    there = [name for names in slots.values() for name in names]
    for name in there:
        if name in kept:
            record.unseal(provider, name, records.get(name.text))
            records.settle(name.text)
    superseded = [name for name in there if name not in kept]
    for name in superseded:
        records.delete(name.text)
    return len(superseded)

"""Whether the root key is there, opens, and is the one that the store's keys are wrapped under; and the access key."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from holdfast.access import credentials_file
from holdfast.app.checks.finding import Finding, failed, ok, warning
from holdfast.app.config import StoreOptions
from holdfast.app.keys import ChosenProtection
from holdfast.catalog.identity import Identity
from holdfast.keys import record, root_file
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.port import KeyRecords
from holdfast.keys.record import TOKENS, RecordName, Slot
from holdfast.model.errors import HoldfastError, UnusableKey

_KEYS, _ACCESS = "keys", "access key"
_OPENED_MAX = 8


def keys(options: StoreOptions, records: KeyRecords | None, identity: Identity | None = None) -> Iterator[Finding]:
    """`records` is where wrapped keys lie, None if that cannot be reached; `identity` is the store's, if known."""
    path = options.root_key_file or options.directory / ROOT_KEY_NAME
    try:
        slots = {} if records is None else record.by_slot(records.list(record.PREFIX))
    except HoldfastError:
        # The check of that place has said it.
        records, slots = None, {}
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        yield _missing(options, path, None if records is None else len(slots))
        return
    except OSError as unreadable:
        reason = unreadable.strerror or str(unreadable)
        yield failed(_KEYS, f"the root key {path} cannot be read: {reason}", "let the user of the service read it")
        return
    try:
        file = root_file.decode(text)
        provider = LocalKeyProvider(ChosenProtection(options.unlock).open(file))
        opened = 0 if records is None else _open(provider, records, slots)
        if identity is not None and identity.root_id != provider.root_id:
            raise UnusableKey(
                f"it is {provider.root_id.hex()}, and the store's is {identity.root_id.hex()}: copy root.key from a"
                " node of the store"
            )
    except HoldfastError as refused:
        yield failed(_KEYS, f"{path}: {refused.message}")
        return
    if records is None:
        yield ok(_KEYS, f"{path} opens; the keys under it could not be looked at")
    elif not opened:
        yield ok(_KEYS, f"{path} opens; the store has no keys yet")
    else:
        yield ok(_KEYS, f"{path} opens, and with it the keys of {opened:,} vault(s)")


def access_key(options: StoreOptions, identity: Identity | None = None) -> Iterator[Finding]:
    """The root access key of the service."""
    given = options.credentials_file
    path = given or options.directory / credentials_file.NAME
    if not path.exists():
        if given is not None:
            yield failed(_ACCESS, f"there is no {path}", "copy it from the node that made it: DIR/credentials there")
        else:
            yield _will_be_made(path, identity)
        return
    try:
        key = credentials_file.read(path, mounted=given is not None)
    except HoldfastError as refused:
        yield failed(_ACCESS, refused.message)
        return
    if identity is not None and key.access_key_id != identity.access_key_id:
        yield warning(
            _ACCESS,
            f"{path} holds {key.access_key_id}, and the node that started last brought {identity.access_key_id}",
            "copy the file credentials from that node, unless the access key is being replaced",
        )
    else:
        yield ok(_ACCESS, f"{key.access_key_id} in {path}")


def _will_be_made(path: Path, identity: Identity | None) -> Finding:
    if identity is not None:
        text = f"there is no {path}, and the store's access key is {identity.access_key_id}"
        return failed(_ACCESS, text, "copy the file credentials from a node of the store")
    return ok(_ACCESS, f"{path} will be made at the first start")


def _missing(options: StoreOptions, path: Path, wrapped: int | None) -> Finding:
    if wrapped:
        return failed(
            _KEYS,
            f"there is no root key {path}, and {wrapped:,} key(s) of the store are wrapped under one",
            "copy root.key from a node that has it, or 'holdfast key import' a recovery bundle",
        )
    if options.root_key_file is not None:
        return failed(_KEYS, f"there is no root key {path}", "copy it from the node that made it: DIR/root.key there")
    if wrapped is None:
        return warning(
            _KEYS, f"there is no root key {path}; whether the store has one could not be seen", "mend the rest first"
        )
    return ok(_KEYS, f"{path} will be made at the first start")


def _open(provider: LocalKeyProvider, records: KeyRecords, slots: dict[Slot, list[RecordName]]) -> int:
    """How many vaults have keys, after opening those of a few. Raises UnusableKey, Damaged, Unavailable."""
    # The names say under which root key each is; a few are opened to see that they say it rightly.
    vaults = {slot.vault: record.chosen(names, provider.root_id) for slot, names in slots.items() if slot != TOKENS}
    for name in islice(vaults.values(), _OPENED_MAX):
        record.unseal(provider, name, records.get(name.text))
    return len(vaults)

"""From a store's `root.key` to its key ring: the file says how the root key is protected, the options what opens it."""

import contextlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

from holdfast.app.root_key_place import RootKeyPlace
from holdfast.app.unlock import Unlock
from holdfast.catalog import vault_keys
from holdfast.catalog.port import Catalog
from holdfast.keys import root_file
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.port import KeyProvider, KeyRecords
from holdfast.keys.protection import PLAIN, Protection
from holdfast.keys.ring import KeyRing
from holdfast.keys.root_file import Plain, RootFile, UnderKms, UnderPassphrase
from holdfast.keys.rotation import finish_rotation
from holdfast.model.errors import Unavailable, UnusableKey

_REFRESH_SECONDS = 60.0
"""A key that another node made or destroyed is known here after so long at the latest."""


class ChosenProtection:
    """The protection that a root key's file names; for a file that is still to be made, the one the options ask for."""

    def __init__(self, unlock: Unlock) -> None:
        self._unlock = unlock
        # Somebody who types it should have to do so once.
        self._passphrase = cache(unlock.passphrase.get)

    def seal(self, root_key: bytes) -> RootFile:
        """As the options ask: a KMS key, a pass phrase that is given, else plain."""
        if self._unlock.kms_key is not None:
            return self._kms(self._unlock.kms_key).seal(root_key)
        if self._unlock.passphrase.is_given:
            return self._under_passphrase().seal(root_key)
        return PLAIN.seal(root_key)

    def open(self, file: RootFile) -> bytes:
        """As the file says."""
        if self._unlock.kms_key is not None and not isinstance(file, UnderKms):
            raise UnusableKey(
                f"{ROOT_KEY_NAME} is not under a KMS key, and --kms-key names one: put it under that key with"
                " 'holdfast key protect --kms-key', or leave the option out"
            )
        return self.like(file).open(file)

    def like(self, file: RootFile) -> Protection:
        """The protection under which `file` lies."""
        match file:
            case Plain():
                return PLAIN
            case UnderPassphrase():
                return self._under_passphrase()
            case UnderKms(key_arn):
                return self._kms(key_arn)

    def _under_passphrase(self) -> Protection:
        from holdfast.keys.passphrase import PassphraseProtection

        return PassphraseProtection(self._passphrase)

    def _kms(self, key: str) -> Protection:
        from holdfast.keys.kms import KmsProtection

        return KmsProtection(key, endpoint=self._unlock.kms_endpoint)


def open_keys(
    place: RootKeyPlace,
    blobs: KeyRecords,
    unlock: Unlock,
    closing: ExitStack,
    report: Callable[[str | None], None] = lambda _: None,
    *,
    shared: bool = False,
) -> KeyRing:
    """The key ring of a store; its root key is made where the store holds nothing yet.

    `shared`: others have the store open too. Then keys are looked at again from time to time, and what an interrupted
    change of the root key left is not touched; else this process must hold the store's lock.
    `report` is told when a KMS refuses the root key (why) and when it allows it again (None); `closing` stops asking.
    Raises UnusableKey, Unavailable.
    """
    if not shared:
        place.clear_unfinished()
    protection = ChosenProtection(unlock)
    root_key = LocalKeyProvider.open(place, protection)
    if not shared:
        # It only makes room: a full disk must not keep a store from being opened.
        with contextlib.suppress(Unavailable):
            finish_rotation(place, blobs, root_key)
    provider: KeyProvider = root_key
    file = root_file.decode(place.get(ROOT_KEY_NAME))
    if isinstance(file, UnderKms):
        from holdfast.keys.watched import WatchedKeyProvider

        watched = WatchedKeyProvider(root_key, lambda: protection.open(file), report=report)
        watched.watch(unlock.kms_check_seconds)
        closing.callback(watched.close)
        provider = watched
    return KeyRing(provider, blobs, refresh_seconds=_REFRESH_SECONDS if shared else None)


def finish_destroying(keys: KeyRing, catalog: Catalog) -> None:
    """Remove the keys of vaults that were to be destroyed when their process ended."""
    with catalog.snapshot() as tx:
        left = vault_keys.shredded(tx, keys.vault_uids())
    with contextlib.suppress(Unavailable):
        for vault_uid in left:
            keys.destroy(vault_uid)

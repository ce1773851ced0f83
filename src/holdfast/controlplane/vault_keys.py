"""RotateVaultKey and DestroyVaultKeys: operations of our own model on the keys of a vault.

What is always true here: a key is durable before anything is sealed with it; the catalog says that a vault's keys
are to be destroyed before the first of them goes, so that what a crash interrupts is finished at the next start.
"""

from typing import Protocol

from holdfast.access.authenticate import Caller
from holdfast.catalog import vault_keys, vaults
from holdfast.catalog.transaction import Tx
from holdfast.catalog.vaults import VaultRow
from holdfast.controlplane.members import text
from holdfast.controlplane.plane import Handler, Params, Plane, Result
from holdfast.controlplane.vaults import require_empty
from holdfast.model.errors import InvalidInput, NotFound, UnusableKey
from holdfast.model.purpose import Purpose


class VaultKeyCare(Protocol):
    """The key ring, as far as keys that exist are concerned; durable on return."""

    def rotate(self, vault_uid: bytes) -> "NumberedKeys": ...

    def numbers(self, vault_uid: bytes) -> list[int]: ...

    def destroy(self, vault_uid: bytes) -> None: ...


class NumberedKeys(Protocol):
    """The keys of a vault, as they are shown."""

    @property
    def frame_key_number(self) -> int: ...


class OpenPacks(Protocol):
    """The packs that are being filled."""

    def turn_over(self, vault: bytes) -> None:
        """Close the vault's open pack, if there is one: the next frame begins a new one."""


class VaultKeys:
    """The operations on the keys of a vault."""

    def __init__(self, plane: Plane, keys: VaultKeyCare, packs: OpenPacks) -> None:
        self._plane = plane
        self._keys = keys
        self._packs = packs

    def handlers(self) -> dict[str, Handler]:
        return {"RotateVaultKey": self.rotate, "DestroyVaultKeys": self.destroy}

    def rotate(self, _: Caller, params: Params) -> Result:
        """A new frame key for the vault, at once; what is sealed under earlier ones is due to be sealed anew.

        Compaction does that, pack by pack. Uploads under way go on. Asked again after a crash, it makes one key more.
        Raises NotFound, UnusableKey.
        """
        name = text(params, "BackupVaultName")
        with self._plane.catalog.snapshot() as tx:
            vault = vaults.get(tx, name)
            known = vault_keys.key_number(tx, vault.vault_no)
        there = max(self._keys.numbers(vault.uid))
        if there < known:
            # The next number would be one that frames bear already, sealed under the key that is missing.
            raise UnusableKey(
                f"key {known} of backup vault {name!r} is missing, the newest one here is {there}: import a recovery"
                " bundle that was exported after it was made before you make another key"
            )
        keys = self._keys.rotate(vault.uid)

        def step(tx: Tx) -> int:
            # On the thread that writes frames: no frame comes between the pack that ends here and the mark on it.
            self._packs.turn_over(vault.uid)
            return vault_keys.mark_old_key(tx, vault.vault_no, keys.frame_key_number)

        return {"KeyNumber": keys.frame_key_number, "Packs": self._plane.write(step)}

    def destroy(self, _: Caller, params: Params) -> Result:
        """Deletes an empty vault and its keys: nobody can read its packs any more, and they are dropped.

        Of a vault that was deleted before and kept its keys, those go. `Confirm` must repeat the vault's name.
        Raises InvalidState while the vault keeps recovery points or jobs run into it, NotFound, InvalidInput.
        """
        name = text(params, "BackupVaultName")
        if text(params, "Confirm") != name:
            raise InvalidInput(f"Confirm must repeat the vault's name, {name!r}: its keys cannot be brought back")
        now_us = self._plane.clock.now_us()
        doomed = self._plane.write(lambda tx: _doom(tx, name, now_us), purpose=Purpose.FREE)
        for vault in doomed:
            self._packs.turn_over(vault.uid)
            self._keys.destroy(vault.uid)
        return {"Vaults": len(doomed)}


def _doom(tx: Tx, name: str, now_us: int) -> list[VaultRow]:
    """The vaults whose keys are to go, marked so: the one of that name, else those deleted ones that had it."""
    vault = vaults.find(tx, name)
    if vault is not None:
        require_empty(tx, vault)
        vaults.retire(tx, vault.vault_no, now_us)
    doomed = [vault] if vault is not None else vault_keys.deleted_of_name(tx, name)
    if not doomed:
        raise NotFound(f"there is no backup vault {name!r}, and no deleted one of that name has keys left")
    for each in doomed:
        vault_keys.shred(tx, each.vault_no, now_us)
    return doomed

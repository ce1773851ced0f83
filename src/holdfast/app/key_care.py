"""What an administrator does with the keys of a store that nobody else has open: `holdfast key`.

Each of these takes the store's lock, except the export, which only reads what never changes while a service runs.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.app.directory import BLOBS_NAME, CATALOG_NAME, prepare
from holdfast.app.keys import ChosenProtection
from holdfast.app.root_key_place import RootKeyInDirectory, RootKeyPlace
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.catalog import vaults
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.keys import bundle, root_file, rotation
from holdfast.keys.bundle import Imported
from holdfast.keys.kms import KmsProtection
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.passphrase import PassphraseProtection
from holdfast.keys.protection import PLAIN, Protection
from holdfast.keys.root_file import Plain, RootFile, UnderKms, UnderPassphrase
from holdfast.model.errors import HoldfastError, InvalidInput, NotFound

_VAULTS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class RootKeyState:
    """Which root key a store has, and how it lies in its file."""

    root_id: bytes
    protection: str


@dataclass(frozen=True, slots=True)
class _Keys:
    place: RootKeyPlace
    blobs: LocalBlobs

    def file(self) -> RootFile:
        try:
            return root_file.decode(self.place.get(ROOT_KEY_NAME))
        except NotFound as missing:
            raise InvalidInput(
                f"there is no {ROOT_KEY_NAME} here: name the directory of a store with --store, or import a recovery"
                " bundle with 'holdfast key import'"
            ) from missing


def rotate_root(directory: Path, unlock: Unlock) -> RootKeyState:
    """Give the store a new root key under the same protection; every wrapped key is wrapped anew, no frame is touched.

    Raises Unavailable where the store is open elsewhere or the disk refuses, UnusableKey.
    """
    with _alone(directory) as keys:
        file = keys.file()
        protection = ChosenProtection(unlock)
        old = LocalKeyProvider(protection.open(file))
        rotation.finish_rotation(keys.place, keys.blobs, old)
        new = rotation.rotate_root(keys.place, keys.blobs, old, protection.like(file))
        return RootKeyState(new.root_id, _named(file))


def protect(directory: Path, unlock: Unlock, passphrase: PassphraseSource, kms_key: str | None) -> RootKeyState:
    """Put the root key under a KMS key, or else under `passphrase`. The root key stays the same.

    Raises as `rotate_root`, and InvalidInput for a pass phrase that is too short.
    """
    if kms_key is not None:
        return _protect(directory, unlock, KmsProtection(kms_key, endpoint=unlock.kms_endpoint))
    return _protect(directory, unlock, _under(passphrase))


def unprotect(directory: Path, unlock: Unlock) -> RootKeyState:
    """Put the root key into its file as it is. Raises as `rotate_root`."""
    return _protect(directory, unlock, PLAIN)


def export(directory: Path, unlock: Unlock, passphrase: PassphraseSource | None) -> str:
    """The recovery bundle of a store, which a service may have open meanwhile.

    With `passphrase` the root key in it is under that one, whatever protects it in the store. Raises UnusableKey.
    """
    with closing(LocalBlobs(directory / BLOBS_NAME)) as blobs:
        keys = _Keys(RootKeyInDirectory(directory, blobs), blobs)
        file = keys.file()
        gathered = bundle.gather(keys.place, blobs, _vault_names(directory))
        if passphrase is not None:
            root_key = LocalKeyProvider(ChosenProtection(unlock).open(file))
            text = root_key.seal_root(_under(passphrase))
            gathered = bundle.Bundle(text, gathered.records, gathered.vaults)
        return bundle.write(gathered)


def import_bundle(directory: Path, text: str) -> Imported:
    """Put the key files of a recovery bundle back where they are missing; what is there stays as it is.

    Raises InvalidInput for a text that is no whole bundle, Unavailable.
    """
    read = bundle.read(text)
    prepare(directory)
    with _alone(directory) as keys:
        return bundle.put_back(read, keys.place, keys.blobs)


def _protect(directory: Path, unlock: Unlock, protection: Protection) -> RootKeyState:
    with _alone(directory) as keys:
        root_key = LocalKeyProvider(ChosenProtection(unlock).open(keys.file()))
        text = root_key.seal_root(protection)
        keys.place.replace(ROOT_KEY_NAME, text)
        return RootKeyState(root_key.root_id, _named(root_file.decode(text)))


def _under(passphrase: PassphraseSource) -> PassphraseProtection:
    text = passphrase.get()
    return PassphraseProtection(lambda: text)


@contextmanager
def _alone(directory: Path) -> Iterator[_Keys]:
    if not directory.is_dir():
        raise InvalidInput(f"there is no store in {directory}: name its directory with --store")
    with StoreLock(directory), closing(LocalBlobs(directory / BLOBS_NAME)) as blobs:
        place = RootKeyInDirectory(directory, blobs)
        place.clear_unfinished()
        yield _Keys(place, blobs)


def _named(file: RootFile) -> str:
    match file:
        case Plain():
            return "none"
        case UnderPassphrase():
            return "pass phrase"
        case UnderKms(key_arn):
            return key_arn


def _vault_names(directory: Path) -> dict[str, str]:
    """Names of vaults by uid in hex, as far as the catalog can say: a bundle is wanted most when it cannot."""
    names: dict[str, str] = {}
    if not (directory / CATALOG_NAME).exists():
        return names
    with suppress(HoldfastError), closing(SqliteCatalog(directory / CATALOG_NAME)) as catalog, catalog.snapshot() as tx:
        after = ""
        while page := list(vaults.page(tx, after, _VAULTS_PER_PAGE)):
            names |= {vault.uid.hex(): vault.name for vault in page}
            after = page[-1].name
    return names

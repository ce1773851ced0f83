"""What an administrator does with the keys of a store that nobody else has open: `holdfast key`.

Each of these takes the store's lock, or on PostgreSQL sees that no node lives; except the export, which only reads what
never changes while a service runs.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

from holdfast.app.belonging import CHANGING
from holdfast.app.config import StoreOptions
from holdfast.app.directory import prepare
from holdfast.app.keys import ChosenProtection
from holdfast.app.missing_keys import missing_keys
from holdfast.app.places import Blobs, catalog_path, open_blobs, open_catalog
from holdfast.app.root_key_place import MountedRootKey, RootKeyInDirectory, RootKeyPlace
from holdfast.app.silence import require_nobody, require_silence
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.blobs.lock import StoreLock
from holdfast.catalog import identity, vaults
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.transaction import Tx
from holdfast.keys import bundle, record, root_file, rotation
from holdfast.keys.bundle import Imported
from holdfast.keys.kms import KmsProtection
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.passphrase import PassphraseProtection
from holdfast.keys.protection import PLAIN, Protection
from holdfast.keys.root_file import Plain, RootFile, UnderKms, UnderPassphrase
from holdfast.model.errors import HoldfastError, InvalidInput, NotFound
from holdfast.model.purpose import Purpose

_VAULTS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class RootKeyState:
    """Which root key a store has, and how it lies in its file."""

    root_id: bytes
    protection: str


@dataclass(frozen=True, slots=True)
class _Keys:
    place: RootKeyPlace
    blobs: Blobs
    catalog: Catalog | None
    """Where it is no file of the store's directory."""

    def file(self) -> RootFile:
        try:
            return root_file.decode(self.place.get(ROOT_KEY_NAME))
        except NotFound as missing:
            raise InvalidInput(
                f"there is no {ROOT_KEY_NAME} here: name the directory of a store with --store, or import a recovery"
                " bundle with 'holdfast key import'"
            ) from missing


def rotate_root(options: StoreOptions, unlock: Unlock) -> RootKeyState:
    """Give the store a new root key under the same protection; every wrapped key is wrapped anew, no frame is touched.

    Raises Unavailable where the store is open elsewhere or the disk refuses, UnusableKey.
    """
    with _alone(options) as keys:
        file = keys.file()
        protection = ChosenProtection(unlock)
        old = LocalKeyProvider(protection.open(file))
        if keys.catalog is not None:
            # From here on no node comes in until the new root key is there.
            _tell_root(keys.catalog, CHANGING)
        rotation.finish_rotation(keys.place, keys.blobs, old)
        new = rotation.rotate_root(keys.place, keys.blobs, old, protection.like(file))
        if keys.catalog is not None:
            # Nodes that come with the old root key are refused from here on.
            _tell_root(keys.catalog, new.root_id)
        return RootKeyState(new.root_id, _named(file))


def protect(options: StoreOptions, unlock: Unlock, passphrase: PassphraseSource, kms_key: str | None) -> RootKeyState:
    """Put the root key under a KMS key, or else under `passphrase`. The root key stays the same.

    Raises as `rotate_root`, and InvalidInput for a pass phrase that is too short.
    """
    if kms_key is not None:
        return _protect(options, unlock, KmsProtection(kms_key, endpoint=unlock.kms_endpoint))
    return _protect(options, unlock, _under(passphrase))


def unprotect(options: StoreOptions, unlock: Unlock) -> RootKeyState:
    """Put the root key into its file as it is. Raises as `rotate_root`."""
    return _protect(options, unlock, PLAIN)


def export(options: StoreOptions, unlock: Unlock, passphrase: PassphraseSource | None) -> str:
    """The recovery bundle of a store, which a service may have open meanwhile.

    With `passphrase` the root key in it is under that one, whatever protects it in the store. Raises UnusableKey.
    """
    with closing(open_blobs(options).blobs) as blobs:
        keys = _Keys(_place(options, blobs), blobs, None)
        file = keys.file()
        gathered = bundle.gather(keys.place, blobs, _vault_names(options))
        if passphrase is not None:
            root_key = LocalKeyProvider(ChosenProtection(unlock).open(file))
            text = root_key.seal_root(_under(passphrase))
            gathered = bundle.Bundle(text, gathered.records, gathered.vaults)
        return bundle.write(gathered)


def import_bundle(options: StoreOptions, text: str) -> tuple[Imported, list[str]]:
    """Put the key files of a recovery bundle back where they are missing; what is there stays as it is.

    With what was done comes what is missing all the same, as far as there is a catalog to say so: the bundle may be
    older than the newest keys.

    Raises InvalidInput for a text that is no whole bundle, Unavailable.
    """
    read = bundle.read(text)
    prepare(options.directory)
    with _alone(options) as keys:
        done = bundle.put_back(read, keys.place, keys.blobs)
        # Whose root key it is, a bundle's records say by their names, if it has any.
        root_ids = {one.root_id for one in map(record.parse, read.records) if one is not None and one.root_id}
        is_its = ROOT_KEY_NAME not in done.different and len(root_ids) == 1
        return done, _missing(options, keys, root_ids.pop() if is_its else None)


def _protect(options: StoreOptions, unlock: Unlock, protection: Protection) -> RootKeyState:
    with _alone(options) as keys:
        root_key = LocalKeyProvider(ChosenProtection(unlock).open(keys.file()))
        text = root_key.seal_root(protection)
        keys.place.replace(ROOT_KEY_NAME, text)
        return RootKeyState(root_key.root_id, _named(root_file.decode(text)))


def _under(passphrase: PassphraseSource) -> PassphraseProtection:
    text = passphrase.get()
    return PassphraseProtection(lambda: text)


@contextmanager
def _alone(options: StoreOptions) -> Iterator[_Keys]:
    directory = options.directory
    if not directory.is_dir():
        raise InvalidInput(f"there is no store in {directory}: name its directory with --store")
    with ExitStack() as held:
        held.enter_context(StoreLock(directory))
        blobs = held.enter_context(closing(open_blobs(options).blobs))
        catalog: Catalog | None = None
        if options.catalog is not None:
            catalog = held.enter_context(closing(open_catalog(options)))
            require_silence(catalog, options.node_silence_seconds)
        place = _place(options, blobs)
        place.clear_unfinished()
        yield _Keys(place, blobs, catalog)


def _missing(options: StoreOptions, keys: _Keys, root_id: bytes | None) -> list[str]:
    names = list(keys.blobs.list(record.PREFIX))
    if keys.catalog is not None:
        with keys.catalog.snapshot() as tx:
            return missing_keys(tx, names, root_id)
    path = catalog_path(options)
    if path is None or not path.exists():
        return []
    # A catalog that cannot be used does not keep keys from being put back.
    with suppress(HoldfastError), closing(open_catalog(options)) as catalog, catalog.snapshot() as tx:
        return missing_keys(tx, names, root_id)
    return []


def _place(options: StoreOptions, blobs: Blobs) -> RootKeyPlace:
    if options.root_key_file is not None:
        return MountedRootKey(options.root_key_file, blobs)
    return RootKeyInDirectory(options.directory, blobs)


def _tell_root(catalog: Catalog, root_id: bytes) -> None:
    def step(tx: Tx) -> None:
        require_nobody(tx)
        own = identity.find(tx)
        if own is not None:
            identity.replace(tx, Identity(root_id, own.access_key_id))

    [outcome] = catalog.run([step], Purpose.BEGIN)
    if outcome.error is not None:
        raise outcome.error


def _named(file: RootFile) -> str:
    match file:
        case Plain():
            return "none"
        case UnderPassphrase():
            return "pass phrase"
        case UnderKms(key_arn):
            return key_arn


def _vault_names(options: StoreOptions) -> dict[str, str]:
    """Names of vaults by uid in hex, as far as the catalog can say: a bundle is wanted most when it cannot."""
    names: dict[str, str] = {}
    path = catalog_path(options)
    if path is not None and not path.exists():
        return names
    with suppress(HoldfastError), closing(open_catalog(options)) as catalog, catalog.snapshot() as tx:
        after = ""
        while page := list(vaults.page(tx, after, _VAULTS_PER_PAGE)):
            names |= {vault.uid.hex(): vault.name for vault in page}
            after = page[-1].name
    return names

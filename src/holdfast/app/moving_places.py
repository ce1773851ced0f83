"""The two ends of a move: a store that is there, and a place that is to hold it.

What is always true here: the source is opened as it is, beside a service that has it open, and is never made or brought
up to date under one; where nobody has it open, nobody can open it while it moves. The target's directory is held by one
move at a time, and what is in it that is another store's is refused, not overwritten.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.access import credentials_file
from holdfast.access.credentials_file import AccessKey
from holdfast.app.belonging import require_belonging
from holdfast.app.config import StoreOptions
from holdfast.app.directory import CATALOG_NAME, prepare
from holdfast.app.keys import ChosenProtection
from holdfast.app.moving_transactions import seen
from holdfast.app.places import BlobPlaces, Blobs, catalog_path, open_blobs, open_catalog
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.blobs.port import Buffer
from holdfast.catalog import freezes, identity, sqlite_facts
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from holdfast.keys import root_file
from holdfast.keys.local import ROOT_KEY_NAME, LocalKeyProvider
from holdfast.keys.ring import KeyRing
from holdfast.model.errors import InvalidInput, InvalidState, Unavailable

_PROBES = "probe/"
_CREDENTIALS_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class End:
    """One end of a move, open."""

    options: StoreOptions
    catalog: Catalog
    places: BlobPlaces
    where: str
    """In words, with nothing secret."""

    @property
    def blobs(self) -> Blobs:
        return self.places.blobs

    def freezes(self) -> list[str]:
        """Why it takes no changes; nothing if it does."""
        return seen(self.catalog, freezes.standing)

    def keep(self, name: str, data: Buffer) -> None:
        """The blob holds `data` from now on, whatever it held; durable on return."""
        if self.places.bucket is not None:
            self.places.bucket.put_new(name, [data])
        else:
            assert self.places.local is not None
            self.places.local.replace(name, data)


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """What opens a store, from the source's directory; the target is given the same."""

    root_key: bytes
    """The text of its root.key, protected as it is there."""
    protection: ChosenProtection
    provider: LocalKeyProvider
    credentials: bytes
    access_key: AccessKey

    @property
    def identity(self) -> Identity:
        """What every node of the store must bring along."""
        return Identity(self.provider.root_id, self.access_key.access_key_id)

    def ring(self, blobs: Blobs) -> KeyRing:
        """The keys in `blobs`."""
        return KeyRing(self.provider, blobs)


def open_source(options: StoreOptions, held: ExitStack) -> End:
    """The store to move. Raises InvalidInput where there is none, Unavailable."""
    _require_directory(options)
    directory = options.directory
    path = catalog_path(options)
    if path is not None and not path.exists():
        raise InvalidInput(
            f"there is no catalog {path}: name the directory of a store, or where its catalog is with --from-catalog"
        )
    in_use = _is_in_use(directory, held)
    catalog = open_catalog(options) if path is None else _open_file(options, path, in_use=in_use)
    held.callback(catalog.close)
    places = open_blobs(options)
    held.callback(places.blobs.close)
    return End(options, catalog, places, _where(options, catalog))


def require_own_keys(tx: Tx, source: End, keys: StoreKeys) -> None:
    """Raises UnusableKey or InvalidInput where the directory's keys are not those of the store, or are being changed.

    A store of one process finds its keys in its directory alone; of any other the catalog says which they are.
    """
    if source.options.catalog is None:
        return
    if identity.find(tx) is None:
        raise InvalidInput(f"there is no store in {source.where}: name the place of its catalog with --from-catalog")
    require_belonging(tx, keys.identity)


def open_target(options: StoreOptions, source: StoreOptions, held: ExitStack) -> End:
    """The place that is to hold it, made if it is not there. Raises InvalidInput, InvalidState, Unavailable."""
    directory = options.directory
    if directory == source.directory:
        raise InvalidInput(f"--from and --to are both {directory}: the store needs another directory where it goes")
    prepare(directory)
    held.enter_context(StoreLock(directory))
    places = open_blobs(options)
    held.callback(places.blobs.close)
    path = catalog_path(options)
    if path is not None and not path.exists():
        require_no_blobs(places.blobs, _where(options, None))
    catalog = open_catalog(options)
    held.callback(catalog.close)
    if places.local is not None:
        places.local.clear_unfinished()
    return End(options, catalog, places, _where(options, catalog))


def read_keys(options: StoreOptions) -> StoreKeys:
    """What the source's directory brings along. Raises InvalidInput where it is no store's, UnusableKey."""
    _require_directory(options)
    path = options.root_key_file or options.directory / ROOT_KEY_NAME
    text = _read(path)
    if text is None:
        raise InvalidInput(f"there is no root key {path}: name the directory of a store, or a node's, with --from")
    # What protects the root key is said by its own file.
    protection = ChosenProtection(replace(options.unlock, kms_key=None))
    provider = LocalKeyProvider(protection.open(root_file.decode(text)))
    path = options.credentials_file or options.directory / credentials_file.NAME
    access_key = credentials_file.read(path)
    return StoreKeys(text, protection, provider, _read(path) or b"", access_key)


def require_no_blobs(blobs: Blobs, where: str) -> None:
    """Raises InvalidState where something lies that is no trial of ours."""
    found = next((name for name in blobs.list("") if not name.startswith(_PROBES)), None)
    if found is not None:
        raise InvalidState(
            f"{where} is not empty, and no unfinished move: {found} is there; choose an empty bucket prefix or"
            " directory"
        )


def require_same_keys(target: End, keys: StoreKeys) -> None:
    """Raises InvalidState where the target's directory has another store's root key or access key."""
    options = target.options
    path = options.root_key_file or options.directory / ROOT_KEY_NAME
    found = _read(path)
    if found is None and options.root_key_file is not None:
        raise InvalidInput(f"{path} is to hold the root key at the target, and is not there: put the store's there")
    if found is not None and found != keys.root_key:
        root_id = LocalKeyProvider(keys.protection.open(root_file.decode(found))).root_id
        if root_id != keys.provider.root_id:
            raise InvalidState(
                f"{path} is another store's root key ({root_id.hex()}, and not {keys.provider.root_id.hex()}): choose"
                " an empty directory"
            )
    path = options.credentials_file or options.directory / credentials_file.NAME
    is_given = options.credentials_file is not None or path.exists()
    if is_given and credentials_file.read(path) != keys.access_key:
        raise InvalidState(f"{path} holds another access key than the store's: choose an empty directory")


def give_keys(target: End, keys: StoreKeys) -> None:
    """Puts root.key and credentials into the target's directory where they are not; durable on return."""
    own = LocalBlobs(target.options.directory)
    for name, data, mounted in (
        (ROOT_KEY_NAME, keys.root_key, target.options.root_key_file),
        (credentials_file.NAME, keys.credentials, target.options.credentials_file),
    ):
        if mounted is None and not (target.options.directory / name).exists():
            own.replace(name, data)


def _require_directory(options: StoreOptions) -> None:
    if not options.directory.is_dir():
        raise InvalidInput(f"there is no store in {options.directory}: name its directory, or a node's, with --from")


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_CREDENTIALS_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as unreadable:
        raise InvalidInput(f"{path} cannot be read: {unreadable.strerror or unreadable}") from unreadable


def _is_in_use(directory: Path, held: ExitStack) -> bool:
    """Whether a service has the store open; if not, none can open it until `held` is closed."""
    try:
        held.enter_context(StoreLock(directory))
    except Unavailable:
        return True
    return False


def _open_file(options: StoreOptions, path: Path, *, in_use: bool) -> Catalog:
    if not in_use:
        return open_catalog(options)
    schema, known = sqlite_facts.look(path).schema, sqlite_facts.schema_known()
    if schema != known:
        raise Unavailable(
            f"the service that has {options.directory} open speaks schema {schema} of the catalog, and this program"
            f" {known}: restart it with this program, or stop it while the store moves"
        )
    return SqliteCatalog(path, joins=True)


def _where(options: StoreOptions, catalog: Catalog | None) -> str:
    if options.catalog is None and options.bucket is None:
        return str(options.directory)
    database = str(options.directory / CATALOG_NAME) if options.catalog is None else getattr(catalog, "where", "")
    blobs = str(options.directory) if options.bucket is None else options.bucket.place
    return f"{database} and {blobs}"

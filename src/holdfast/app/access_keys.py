"""The access keys that a service accepts: the one in force and, while it is being replaced, the one before.

They lie in one file, `credentials`: the profile [default] is in force, [previous] is accepted as well. The nodes of a
store are not compared by them, so that the file can be replaced on one node after the other. What is always true here:
a node that has lost the file, or never had it, makes no access key of its own for a store that has one.
"""

from pathlib import Path

from holdfast.access import credentials_file
from holdfast.access.credentials_file import AccessKey
from holdfast.app.belonging import settle_identity
from holdfast.app.config import StoreOptions
from holdfast.catalog import identity
from holdfast.catalog.identity import Identity
from holdfast.catalog.port import Catalog
from holdfast.model.errors import InvalidInput, InvalidState


def path_of(options: StoreOptions) -> Path:
    """The file, mounted or in the directory."""
    return options.credentials_file or options.directory / credentials_file.NAME


def bring_along(options: StoreOptions, catalog: Catalog, root_id: bytes) -> tuple[list[AccessKey], Identity]:
    """The keys that are accepted, the one in force first, and what this node is: noted, or compared with the store's.

    A new store is given a key. Raises InvalidInput for a file that cannot be used, and where it is missing and the
    store has a key; UnusableKey for another root key than the store's.
    """
    is_new = not path_of(options).exists()
    keys = _accepted(options, catalog)
    own = Identity(root_id, keys[0].access_key_id)
    if options.catalog is not None:
        try:
            settle_identity(catalog, own, is_new=is_new)
        except BaseException:
            if is_new and options.credentials_file is None:
                # Another node was quicker, or nothing was noted: no later start may take this key for the store's.
                path_of(options).unlink(missing_ok=True)
            raise
    return keys, own


def _accepted(options: StoreOptions, catalog: Catalog) -> list[AccessKey]:
    path, mounted = path_of(options), options.credentials_file is not None
    if not mounted and not path.exists():
        if options.catalog is not None:
            _require_none(catalog, path)
        credentials_file.ensure(options.directory)
    previous = credentials_file.read_previous(path, mounted=mounted)
    return [credentials_file.read(path, mounted=mounted), *([] if previous is None else [previous])]


def _require_none(catalog: Catalog, path: Path) -> None:
    with catalog.snapshot() as tx:
        found = identity.find(tx)
    if found is not None:
        raise InvalidInput(
            f"this store's access key is {found.access_key_id}, and there is no {path}: copy the file credentials"
            " from a node of the store into this one's directory, name it with --credentials-file, or, if it is lost,"
            " make another with 'holdfast key rotate-access'"
        )


def rotate(options: StoreOptions) -> AccessKey:
    """A new access key is in force, and the one before still accepted, by each node that starts with this file.

    Raises InvalidState while an earlier replacement is not finished.
    """
    path, mounted = path_of(options), options.credentials_file is not None
    new = credentials_file.generate()
    if not path.exists():
        if not options.directory.is_dir():
            raise InvalidInput(f"there is no store in {options.directory}: name its directory with --store")
        credentials_file.replace(path, new, None)
        return new
    if credentials_file.read_previous(path, mounted=mounted) is not None:
        raise InvalidState(
            f"{path} still has the access key before under [{credentials_file.PREVIOUS}]: when all nodes and clients"
            " have the new one, 'holdfast key rotate-access --finish', and then again"
        )
    credentials_file.replace(path, new, credentials_file.read(path, mounted=mounted))
    return new


def finish(options: StoreOptions) -> AccessKey:
    """The key before is refused from now on, by each node that starts with this file. The key in force."""
    path, mounted = path_of(options), options.credentials_file is not None
    key = credentials_file.read(path, mounted=mounted)
    credentials_file.replace(path, key, None)
    return key

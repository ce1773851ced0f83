"""`holdfast key`: the keys of a store. Those of vaults change while it is served, the root key while it is not."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from holdfast.cli.key_access import rotate_access
from holdfast.cli.output import UsageError, print_facts, print_json, say, warn
from holdfast.model.counted import counted

if TYPE_CHECKING:
    from holdfast.app.config import StoreOptions
    from holdfast.app.key_care import RootKeyState
    from holdfast.app.unlock import Unlock

app = App(
    name="key",
    help="Change, protect, export and destroy the keys of a store. The root key wraps the keys of the vaults; without"
    " it nothing can be read. Pass phrases come from files or variables (HOLDFAST_PASSPHRASE), or are asked for.",
)

Store = Annotated[Path | None, Parameter(metavar="DIR", help="Open the store in this directory inside this process.")]
Closed = Annotated[
    Path | None,
    Parameter(metavar="DIR", help="Directory of the store, which no service may have open; by default that of serve."),
]
_EXPORT_AGAIN = (
    "recovery bundles that were exported before do not hold this key: export the bundle again ('holdfast key export')"
)

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
PassphraseFile = Annotated[str | None, Parameter(metavar="FILE", help="File with the pass phrase of now.")]
KmsEndpoint = Annotated[str | None, Parameter(metavar="URL", help="URL of the KMS, if it is not AWS's.")]


@app.command
def rotate(
    vault: str, /, *, store: Store = None, passphrase_file: PassphraseFile = None, as_json: Json = False
) -> None:
    """Give a vault a new key for everything written from now on.

    What is stored already is sealed anew, pack by pack, when the store is compacted (see 'holdfast gc'). Nothing is
    uploaded again; backups that run are not disturbed.

    For example:

        holdfast key rotate photos

    Parameters
    ----------
    vault
        The vault.
    """
    from holdfast.app.connect import connect

    with connect(store, os.environ, passphrase_file) as connection:
        rotated = connection.api.rotate_vault_key(vault)
    if as_json:
        print_json(rotated)
    else:
        say(f"vault {vault} has key {rotated.key_number} now; to be sealed again: {counted(rotated.packs, 'pack')}")
    warn(_EXPORT_AGAIN)


@app.command(name="rotate-root")
def rotate_root(
    *,
    store: Closed = None,
    passphrase_file: PassphraseFile = None,
    kms_endpoint: KmsEndpoint = None,
    as_json: Json = False,
) -> None:
    """Give the store a new root key. All keys are wrapped anew under it; no backup is touched.

    The new one is protected as the old one was. Recovery bundles that were exported before open this store no more:
    export a new one afterwards.

    For example:

        holdfast key rotate-root --store /srv/backups
    """
    from holdfast.app.key_care import rotate_root as rotate_it

    _show(rotate_it(_options(store), _unlock(store, passphrase_file, kms_endpoint)), as_json)
    warn(_EXPORT_AGAIN)


app.command(rotate_access, name="rotate-access")


@app.command
def protect(
    *,
    store: Closed = None,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None,
    kms_key: Annotated[str | None, Parameter(metavar="ARN")] = None,
    kms_endpoint: KmsEndpoint = None,
    as_json: Json = False,
) -> None:
    """Put the root key under a pass phrase, or under a key of AWS KMS.

    The new pass phrase comes from --new-passphrase-file, HOLDFAST_NEW_PASSPHRASE, or the terminal. The root key itself
    stays as it is: where the unprotected file may have been copied, 'holdfast key rotate-root' afterwards.

    For example:

        holdfast key protect --store /srv/backups --new-passphrase-file /run/secrets/holdfast

        holdfast key protect --store /srv/backups --kms-key arn:aws:kms:eu-west-1:111122223333:key/1234abcd

    Parameters
    ----------
    new_passphrase_file
        File with the pass phrase that is to protect the root key from now on.
    kms_key
        ARN, id or alias of the KMS key that is to protect the root key from now on.
    """
    from holdfast.app.key_care import protect as protect_it
    from holdfast.app.unlock import PassphraseSource, ask_twice

    if kms_key is not None and new_passphrase_file is not None:
        raise UsageError("choose one: --kms-key or --new-passphrase-file")
    new = PassphraseSource(
        file=None if new_passphrase_file is None else Path(new_passphrase_file),
        text=os.environ.get("HOLDFAST_NEW_PASSPHRASE"),
        ask=ask_twice("New pass phrase"),
    )
    if kms_key is None and not new.is_given and new.ask is None:
        raise UsageError(
            "give the new pass phrase: --new-passphrase-file FILE or HOLDFAST_NEW_PASSPHRASE, or --kms-key"
        )
    _show(protect_it(_options(store), _unlock(store, passphrase_file, kms_endpoint), new, kms_key), as_json)


@app.command
def unprotect(
    *,
    store: Closed = None,
    passphrase_file: PassphraseFile = None,
    kms_endpoint: KmsEndpoint = None,
    as_json: Json = False,
) -> None:
    """Put the root key into its file as it is: whoever can read the store's directory can then read the backups.

    For example:

        holdfast key unprotect --store /srv/backups
    """
    from holdfast.app.key_care import unprotect as unprotect_it

    _show(unprotect_it(_options(store), _unlock(store, passphrase_file, kms_endpoint)), as_json)


@app.command
def export(
    *,
    out: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    bundle_passphrase_file: Annotated[str | None, Parameter(metavar="FILE")] = None,
    store: Closed = None,
    passphrase_file: PassphraseFile = None,
    kms_endpoint: KmsEndpoint = None,
) -> None:
    """Print a recovery bundle: a text file with all keys of the store, to be kept away from it.

    The root key in it is protected as it is in the store, or by a pass phrase of the bundle's own. A service may run.

    For example:

        holdfast key export --out /media/usb/holdfast-keys.txt

        holdfast key export --bundle-passphrase-file secret | lpr

    Parameters
    ----------
    out
        File to make; it must not exist. By default the bundle is printed.
    bundle_passphrase_file
        File with a pass phrase for the bundle; also HOLDFAST_BUNDLE_PASSPHRASE.
    """
    from holdfast.app.key_care import export as export_it
    from holdfast.app.unlock import PassphraseSource

    text = os.environ.get("HOLDFAST_BUNDLE_PASSPHRASE")
    file = None if bundle_passphrase_file is None else Path(bundle_passphrase_file)
    own = PassphraseSource(file=file, text=text) if file or text else None
    exported = export_it(_options(store), _unlock(store, passphrase_file, kms_endpoint), own)
    if out is None:
        sys.stdout.write(exported)
    else:
        _write_new(out, exported)
        say(f"wrote {out}")
    if "\nroot holdfast-root-key-1 " in exported:
        warn("the bundle is not protected: whoever has it and the packs can read the backups")


@app.command(name="import")
def import_(bundle: Path, /, *, store: Closed = None, as_json: Json = False) -> int:
    """Put the key files of a recovery bundle back into a store where they are missing.

    A file that is there is never changed; one that is other than the bundle's is named, and the exit code is 1.

    For example:

        holdfast key import /media/usb/holdfast-keys.txt --store /srv/backups

    Parameters
    ----------
    bundle
        A file that 'holdfast key export' made.
    """
    from holdfast.app.key_care import import_bundle

    try:
        text = bundle.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise UsageError(f"the bundle {bundle} cannot be read: {unreadable}") from unreadable
    done, missing = import_bundle(_options(store), text)
    if as_json:
        print_json({"Restored": done.restored, "Equal": done.equal, "Different": done.different, "Missing": missing})
    else:
        say(f"{counted(len(done.restored), 'file')} put back, {len(done.equal)} were there already")
    for name in done.different:
        warn(f"{name} is there and other than the bundle's: it was left alone; if it is damaged, move it away first")
    for one in missing:
        warn(
            f"{one} is missing here and in this bundle, which is older: what was written under it cannot be read;"
            " import a bundle that was exported later"
        )
    return 1 if done.different or missing else 0


@app.command
def destroy(
    vault: str, /, *, yes_destroy: str | None = None, store: Store = None, passphrase_file: PassphraseFile = None
) -> None:
    """Delete an empty vault and destroy its keys, so that nobody can ever read its packs again.

    Refused while the vault holds recovery points or backups run into it. Of a vault that was deleted before, the keys
    that it left are destroyed. Bundles and copies of the store that hold the keys are not reached by this.

    For example:

        holdfast key destroy photos --yes-destroy photos

    Parameters
    ----------
    vault
        The vault.
    yes_destroy
        The name of the vault once more.
    """
    from holdfast.app.connect import connect

    if yes_destroy != vault:
        raise UsageError(f"the keys cannot be brought back: say --yes-destroy {vault} to destroy them")
    with connect(store, os.environ, passphrase_file) as connection:
        connection.api.destroy_vault_keys(vault)
    say(f"destroyed the keys of vault {vault}")


def _options(store: Path | None) -> "StoreOptions":
    from holdfast.app.config import gather_store

    return gather_store(None if store is None else str(store), os.environ)


def _unlock(store: Path | None, passphrase_file: str | None, kms_endpoint: str | None) -> "Unlock":
    from dataclasses import replace

    from holdfast.app.config import Flags, gather_unlock

    flags = Flags(
        data=None if store is None else str(store), passphrase_file=passphrase_file, kms_endpoint=kms_endpoint
    )
    # HOLDFAST_KMS_KEY says what a service expects of its root key; here it may be just what is to be changed.
    return replace(gather_unlock(flags, os.environ), kms_key=None)


def _show(state: "RootKeyState", as_json: bool) -> None:
    if as_json:
        print_json({"RootKeyId": state.root_id.hex(), "Protection": state.protection})
    else:
        print_facts((("root key", state.root_id.hex()), ("protection", state.protection)))


def _write_new(path: Path, text: str) -> None:
    from holdfast.model.errors import InvalidInput

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as refused:
        raise InvalidInput(f"--out {path} cannot be written: {refused.strerror or refused}") from refused

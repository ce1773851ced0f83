"""The root key of a whole store: protected, unlocked, changed, exported and imported, and what is refused."""

import io
import os
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from holdfast.app import key_care
from holdfast.app.build import System
from holdfast.app.config import Flags, StoreOptions, gather, gather_store
from holdfast.app.keys import open_keys
from holdfast.app.root_key_place import TEMPORARY_NAME, RootKeyInDirectory
from holdfast.app.unlock import PassphraseSource, Unlock
from holdfast.blobs.local import LocalBlobs
from holdfast.keys import passphrase, root_file
from holdfast.keys.root_file import Plain, UnderPassphrase
from holdfast.model.errors import InvalidInput, Unavailable, UnusableKey
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

SECRET = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        passphrase.PassphraseProtection.__init__,
        "__kwdefaults__",
        {**passphrase.PassphraseProtection.__init__.__kwdefaults__, "memory_kib": 32},
    )


def source(text: str) -> PassphraseSource:
    return PassphraseSource(text=text)


def unlock(text: str = SECRET) -> Unlock:
    return Unlock(passphrase=source(text))


def opened(directory: Path, how: Unlock = Unlock()) -> System:  # noqa: B008 - a frozen value
    return System(StoreOptions(directory, unlock=how), Metrics(), open_log("error", "json", io.StringIO()))


def secrets(directory: Path, how: Unlock = Unlock()) -> list[bytes]:  # noqa: B008 - as above
    """What the keys of the store make of the same input."""
    with closing(opened(directory, how)) as system:
        rings = [system.keys.open(uid) for uid in system.keys.vault_uids()]
        return [system.keys.token_key(), *(keys.chunk_id(b"d" * 32) for keys in rings)]


def root_of(directory: Path) -> root_file.RootFile:
    return root_file.decode((directory / "root.key").read_bytes())


def test_a_store_made_with_a_pass_phrase_is_protected_from_the_start(tmp_path: Path) -> None:
    before = secrets(tmp_path / "s", unlock())
    assert isinstance(root_of(tmp_path / "s"), UnderPassphrase)
    assert secrets(tmp_path / "s", unlock()) == before
    with pytest.raises(UnusableKey, match=r"does not open root\.key"):
        opened(tmp_path / "s", unlock("another one"))
    with pytest.raises(UnusableKey, match="HOLDFAST_PASSPHRASE"):
        opened(tmp_path / "s")


def test_protection_is_put_on_changed_and_taken_off_and_the_keys_stay(tmp_path: Path) -> None:
    store = tmp_path / "s"
    before = secrets(store)
    done = key_care.protect(StoreOptions(store), Unlock(), source(SECRET), None)
    assert done.protection == "pass phrase"
    assert secrets(store, unlock()) == before
    with pytest.raises(UnusableKey):
        key_care.protect(StoreOptions(store), unlock("wrong one"), source("another secret"), None)
    key_care.protect(StoreOptions(store), unlock(), source("another secret"), None)
    assert secrets(store, unlock("another secret")) == before
    assert key_care.unprotect(StoreOptions(store), unlock("another secret")).protection == "none"
    assert isinstance(root_of(store), Plain)
    assert secrets(store) == before


def test_a_new_root_key_is_protected_as_the_old_one_was(tmp_path: Path) -> None:
    store = tmp_path / "s"
    before = secrets(store, unlock())
    old = (store / "root.key").read_bytes()
    done = key_care.rotate_root(StoreOptions(store), unlock())
    assert done.protection == "pass phrase"
    assert isinstance(root_of(store), UnderPassphrase)
    assert secrets(store, unlock()) == before
    (store / "root.key").write_bytes(old)
    with closing(opened(store, unlock())) as system, pytest.raises(UnusableKey, match="put the root key back"):
        system.keys.open(system.keys.vault_uids()[0])


def test_nobody_changes_the_root_key_of_a_store_that_is_open(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "s")):
        for change in (
            lambda: key_care.rotate_root(StoreOptions(tmp_path / "s"), Unlock()),
            lambda: key_care.protect(StoreOptions(tmp_path / "s"), Unlock(), source(SECRET), None),
            lambda: key_care.unprotect(StoreOptions(tmp_path / "s"), Unlock()),
        ):
            with pytest.raises(Unavailable, match="in use"):
                change()
        assert "vault " in key_care.export(StoreOptions(tmp_path / "s"), Unlock(), None)


def test_where_there_is_no_store_nothing_is_made(tmp_path: Path) -> None:
    for change in (
        lambda: key_care.rotate_root(StoreOptions(tmp_path / "no"), Unlock()),
        lambda: key_care.unprotect(StoreOptions(tmp_path / "no"), Unlock()),
        lambda: key_care.export(StoreOptions(tmp_path / "no"), Unlock(), None),
        lambda: key_care.import_bundle(StoreOptions(tmp_path / "no"), "rubbish"),
    ):
        with pytest.raises(InvalidInput):
            change()
    assert not (tmp_path / "no").exists()


def test_a_store_that_is_to_be_under_a_kms_key_and_is_not_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "s").close()
    with pytest.raises(UnusableKey, match="is not under a KMS key"):
        opened(tmp_path / "s", Unlock(kms_key="alias/x"))


def test_a_bundle_brings_a_store_back_that_lost_its_keys(tmp_path: Path) -> None:
    store = tmp_path / "s"
    before = secrets(store)
    text = key_care.export(StoreOptions(store), Unlock(), None)
    assert " default\n" in text
    (store / "root.key").unlink()
    for path in (store / "blobs/keys").rglob("*.*"):
        path.unlink()
    done, missing = key_care.import_bundle(StoreOptions(store), text)
    assert len(done.restored) == 2
    assert missing == []
    assert secrets(store) == before


def test_a_bundle_may_have_a_pass_phrase_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "s"
    before = secrets(store, unlock())
    text = key_care.export(StoreOptions(store), unlock(), source("of the bundle"))
    (store / "root.key").unlink()
    key_care.import_bundle(StoreOptions(store), text)
    assert secrets(store, unlock("of the bundle")) == before


def test_a_bundle_is_exported_although_the_catalog_is_lost(tmp_path: Path) -> None:
    opened(tmp_path / "s").close()
    for path in tmp_path.glob("s/catalog*"):
        path.write_bytes(b"rubbish")
    text = key_care.export(StoreOptions(tmp_path / "s"), Unlock(), None)
    assert "\nrecord keys/" in text
    assert "\nvault " not in text


def test_what_a_crash_left_of_a_root_key_is_removed_at_the_next_opening(tmp_path: Path) -> None:
    opened(tmp_path / "s").close()
    left = tmp_path / "s" / TEMPORARY_NAME / "0123"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes((tmp_path / "s/root.key").read_bytes())
    opened(tmp_path / "s").close()
    assert not left.exists()


def test_an_interrupted_rotation_is_finished_when_the_store_is_opened(tmp_path: Path) -> None:
    store = tmp_path / "s"
    before = secrets(store)
    kept = {path: path.read_bytes() for path in (store / "blobs/keys").rglob("*.*")}
    key_care.rotate_root(StoreOptions(store), Unlock())
    for path, data in kept.items():
        path.write_bytes(data)
    assert secrets(store) == before
    assert not any(path.exists() for path in kept)


def test_the_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    opened(tmp_path / "s", unlock()).close()
    asked = []
    how = Unlock(passphrase=PassphraseSource(ask=lambda: asked.append(1) or SECRET))
    key_care.rotate_root(StoreOptions(tmp_path / "s"), how)
    opened(tmp_path / "s", how).close()
    assert len(asked) == 2


def test_a_pass_phrase_comes_from_a_file_else_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    for options in (
        gather_store(str(tmp_path), {"HOLDFAST_PASSPHRASE_FILE": str(file)}),
        gather_store(str(tmp_path), {"HOLDFAST_PASSPHRASE": SECRET}),
        gather(Flags(data=str(tmp_path), passphrase_file=str(file)), {"HOLDFAST_PASSPHRASE": "another"}).store,
    ):
        assert options.unlock.passphrase.get() == SECRET
        assert SECRET not in repr(options)
    with pytest.raises(UnusableKey, match="HOLDFAST_PASSPHRASE_FILE"):
        gather_store(str(tmp_path), {}).unlock.passphrase.get()
    for bad in (tmp_path / "missing", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be read"):
            PassphraseSource(file=bad).get()
    file.write_text("\n")
    with pytest.raises(InvalidInput, match="1 to 4096"):
        PassphraseSource(file=file).get()


def test_kms_options_come_from_flags_or_variables(tmp_path: Path) -> None:
    environ = {"HOLDFAST_KMS_KEY": "alias/x", "HOLDFAST_KMS_ENDPOINT": "http://k", "HOLDFAST_KMS_CHECK": "7"}
    found = gather_store(str(tmp_path), environ).unlock
    assert (found.kms_key, found.kms_endpoint, found.kms_check_seconds) == ("alias/x", "http://k", 7)
    with pytest.raises(InvalidInput, match="--kms-check"):
        gather(Flags(data=str(tmp_path), kms_check="0"), {})


def test_opening_leaves_no_thread_behind_without_a_kms(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    with ExitStack() as stack:
        before = len(os.listdir("/proc/self/task"))
        open_keys(RootKeyInDirectory(tmp_path, blobs), blobs, Unlock(), stack)
        assert len(os.listdir("/proc/self/task")) == before

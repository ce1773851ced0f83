import importlib
import inspect
import json
import stat
from pathlib import Path

import pytest
from cyclopts import App

from holdfast.cli.main import COMMANDS, run
from holdfast.keys.passphrase import PassphraseProtection


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a vault, in an environment that says nothing about keys; guesses cost little."""
    for name in ("PASSPHRASE", "PASSPHRASE_FILE", "NEW_PASSPHRASE", "BUNDLE_PASSPHRASE", "KMS_KEY"):
        monkeypatch.delenv(f"HOLDFAST_{name}", raising=False)
    defaults = PassphraseProtection.__init__.__kwdefaults__
    monkeypatch.setattr(PassphraseProtection.__init__, "__kwdefaults__", {**defaults, "memory_kib": 32})
    assert run(["vault", "create", "photos", "--store", str(tmp_path / "s")]) == 0
    return tmp_path / "s"


def vaults(store: Path) -> int:
    return run(["vault", "list", "--store", str(store)])


def test_a_vault_gets_a_new_key(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["key", "rotate", "photos", "--store", str(store)]) == 0
    assert "vault photos has key 2 now" in capsys.readouterr().out
    assert run(["key", "rotate", "photos", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["KeyNumber"] == 3
    assert run(["key", "rotate", "nobody", "--store", str(store)]) == 1


def test_the_root_key_is_changed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    seen = set()
    for _ in range(2):
        assert run(["key", "rotate-root", "--store", str(store), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["Protection"] == "none"
        seen.add(told["RootKeyId"])
    assert len(seen) == 2
    assert vaults(store) == 0


def test_a_pass_phrase_is_put_on_changed_and_taken_off(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    assert run(["key", "protect", "--store", str(store), "--new-passphrase-file", str(secret)]) == 0
    assert vaults(store) == 1
    assert "HOLDFAST_PASSPHRASE" in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "incorrect horse")
    assert vaults(store) == 1
    assert "pass phrase does not open root.key" in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "correct horse")
    assert vaults(store) == 0
    monkeypatch.setenv("HOLDFAST_NEW_PASSPHRASE", "another secret")
    assert run(["key", "protect", "--store", str(store)]) == 0
    assert vaults(store) == 1
    monkeypatch.setenv("HOLDFAST_PASSPHRASE", "another secret")
    assert run(["key", "unprotect", "--store", str(store)]) == 0
    monkeypatch.delenv("HOLDFAST_PASSPHRASE")
    assert vaults(store) == 0


def test_a_new_pass_phrase_must_come_from_somewhere_and_be_one(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["key", "protect", "--store", str(store)]) == 2
    assert "--new-passphrase-file" in capsys.readouterr().err
    line = ["key", "protect", "--store", str(store), "--kms-key", "x", "--new-passphrase-file", "y"]
    assert run(line) == 2
    monkeypatch.setenv("HOLDFAST_NEW_PASSPHRASE", "short")
    assert run(["key", "protect", "--store", str(store)]) == 1
    assert "at least 8" in capsys.readouterr().err
    assert vaults(store) == 0


def test_a_bundle_is_printed_written_and_imported(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["key", "export", "--store", str(store)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("holdfast-recovery-bundle-1\n")
    assert " photos\n" in printed.out
    assert "not protected" in printed.err
    out = tmp_path / "bundle.txt"
    assert run(["key", "export", "--store", str(store), "--out", str(out)]) == 0
    assert out.read_text() == printed.out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert run(["key", "export", "--store", str(store), "--out", str(out)]) == 1
    (store / "root.key").unlink()
    assert vaults(store) == 1
    assert "holdfast key import" in capsys.readouterr().err
    assert run(["key", "import", str(out), "--store", str(store)]) == 0
    assert "1 file put back, 2 were there already" in capsys.readouterr().out
    assert vaults(store) == 0


def test_an_import_changes_nothing_that_is_there(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle.txt"
    assert run(["key", "export", "--store", str(store), "--out", str(out)]) == 0
    assert run(["key", "rotate-root", "--store", str(store)]) == 0
    capsys.readouterr()
    assert run(["key", "import", str(out), "--store", str(store), "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["Different"] == ["root.key"]
    assert "root.key is there and other than the bundle's" in said.err
    assert vaults(store) == 0
    assert run(["key", "import", str(tmp_path / "missing"), "--store", str(store)]) == 2


def test_a_bundle_with_a_pass_phrase_of_its_own_is_said_to_be_protected(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_BUNDLE_PASSPHRASE", "correct horse")
    capsys.readouterr()
    assert run(["key", "export", "--store", str(store)]) == 0
    said = capsys.readouterr()
    assert "\nroot holdfast-root-key-2 passphrase" in said.out
    assert said.err == ""


def test_keys_are_destroyed_only_when_the_vault_is_named_twice(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in ([], ["--yes-destroy", "photo"]):
        assert run(["key", "destroy", "photos", *line, "--store", str(store)]) == 2
        assert "--yes-destroy photos" in capsys.readouterr().err
    assert run(["key", "destroy", "photos", "--yes-destroy", "photos", "--store", str(store)]) == 0
    assert vaults(store) == 0
    assert "photos" not in capsys.readouterr().out.replace("destroyed the keys of vault photos", "")


@pytest.mark.parametrize("command", ["rotate", "rotate-root", "protect", "unprotect", "export", "import", "destroy"])
def test_every_command_explains_itself_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["key", command, "--help"]) == 0
    assert f"    holdfast key {command}" in capsys.readouterr().out


def bundle_of(store: Path, out: Path) -> str:
    assert run(["key", "export", "--store", str(store), "--out", str(out)]) == 0
    return str(out)


def lose_keys(store: Path) -> None:
    (store / "root.key").unlink()
    for record in (store / "blobs" / "keys").rglob("*"):
        if record.is_file():
            record.unlink()


def test_an_older_bundle_is_imported_and_the_keys_that_are_missing_are_named_then_and_at_each_opening(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = bundle_of(store, tmp_path / "older")
    assert run(["key", "rotate", "photos", "--store", str(store)]) == 0
    newer = bundle_of(store, tmp_path / "newer")
    lose_keys(store)
    capsys.readouterr()
    assert run(["key", "import", older, "--store", str(store)]) == 1
    assert "vault 'photos': key 2 is missing" in capsys.readouterr().err
    assert vaults(store) == 0
    assert "vault 'photos': key 2" in capsys.readouterr().err
    # Another key would be number 2 once more, and what bears that number would be damage.
    assert run(["key", "rotate", "photos", "--store", str(store)]) == 1
    assert "key 2 of backup vault 'photos' is missing" in capsys.readouterr().err
    assert run(["key", "import", newer, "--store", str(store)]) == 0
    capsys.readouterr()
    assert vaults(store) == 0
    assert capsys.readouterr().err == ""
    assert run(["key", "rotate", "photos", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["KeyNumber"] == 3


def test_a_bundle_from_before_a_new_root_key_names_the_keys_that_only_the_new_one_opens(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = bundle_of(store, tmp_path / "older")
    assert run(["key", "rotate-root", "--store", str(store)]) == 0
    assert run(["vault", "create", "mail", "--store", str(store)]) == 0
    (store / "root.key").unlink()
    capsys.readouterr()
    assert run(["key", "import", older, "--store", str(store)]) == 1
    said = capsys.readouterr().err
    assert "vault 'mail': key 1 is missing" in said
    assert "'photos'" not in said


@pytest.mark.parametrize("command", [["rotate", "photos"], ["rotate-root"]], ids=lambda command: command[0])
def test_who_makes_a_key_is_asked_to_export_the_bundle_again(
    store: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["key", *command, "--store", str(store)]) == 0
    assert "export the bundle again" in capsys.readouterr().err


def test_a_pass_phrase_file_opens_a_store_for_a_command(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    assert run(["key", "protect", "--store", str(store), "--new-passphrase-file", str(secret)]) == 0
    assert run(["points", "--store", str(store)]) == 1
    assert "--passphrase-file" in capsys.readouterr().err
    assert run(["points", "--store", str(store), "--passphrase-file", str(secret)]) == 0


def test_every_command_that_opens_a_store_takes_a_pass_phrase_file() -> None:
    asked = 0
    for name, where, _ in COMMANDS:
        module, _, attribute = where.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        commands = [found] if inspect.isfunction(found) else [found[one].default_command for one in subcommands(found)]
        for command in commands:
            words = inspect.signature(command).parameters
            # Putting key files back opens none of them, and an access key lies beside them.
            if "store" in words and command.__name__ not in ("import_", "rotate_access"):
                asked += 1
                assert "passphrase_file" in words, f"{name}: {command.__name__}"
    assert asked > 15


def subcommands(app: App) -> list[str]:
    return [name for name in app if not name.startswith("-")]

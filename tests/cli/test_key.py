import json
import stat
from pathlib import Path

import pytest

from holdfast.cli.main import run
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
    assert "1 files put back, 2 were there already" in capsys.readouterr().out
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

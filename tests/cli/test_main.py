import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import __version__
from holdfast.cli.main import COMMANDS, run
from tests.cli.serving import holdfast


@pytest.mark.parametrize(
    "line",
    [
        ["nonsense"],
        ["serve", "--no-such-option"],
        ["vault", "create"],
        ["vault", "nonsense"],
        ["serve", "--threads", "0"],
        ["serve", "--listen", "nowhere"],
        ["env", "--endpoint", "ftp://x"],
    ],
)
def test_what_cannot_be_understood_is_exit_code_2_and_one_message(line: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(line) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("holdfast: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]):
    assert run([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: holdfast {name}")
    if "COMMAND" not in said.splitlines()[0]:
        assert f"    holdfast {name}" in said or f"$(holdfast {name})" in said


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for name, _, line in COMMANDS:
        assert f"  {name:10}  {line}" in said


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_starts_fast_and_loads_no_command():
    code = (
        "import sys; from holdfast.cli.main import run; run(['--help']);"
        "print([m for m in sys.modules if m.startswith(('boto', 'apsw', 'uvicorn', 'cryptography', 'holdfast.app'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    holdfast("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_vaults_are_made_shown_listed_and_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = ["--store", str(tmp_path / "s")]
    assert run(["vault", "create", "photos", *store]) == 0
    assert run(["vault", "show", "photos", *store]) == 0
    assert "arn:aws:backup:" in capsys.readouterr().out
    assert run(["vault", "list", *store, "--json"]) == 0
    assert [each["BackupVaultName"] for each in json.loads(capsys.readouterr().out)] == ["default", "photos"]
    assert run(["vault", "delete", "photos", *store]) == 0
    assert run(["vault", "list", *store]) == 0
    assert "photos" not in capsys.readouterr().out.replace("deleted vault photos", "")


def test_what_fails_is_exit_code_1_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["vault", "show", "nope", "--store", str(tmp_path / "s")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("holdfast: ")
    assert said.count("\n") == 1


def test_an_endpoint_that_nobody_serves_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setattr("holdfast.client.call.Requester._wait", lambda *_: None)
    assert run(["vault", "list"]) == 1
    assert "cannot reach http://127.0.0.1:9" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_trouble():
    ran = subprocess.run(
        f"{shlex.quote(sys.executable)} -m holdfast backup --help | true", shell=True, capture_output=True, text=True
    )
    assert ran.stderr == ""


def exports(text: str) -> dict[str, str]:
    words = [shlex.split(line) for line in text.splitlines()]
    return dict(word[1].split("=", 1) for word in words if word[0] == "export")


def test_env_makes_a_shell_use_the_service(tmp_path: Path):
    directory = tmp_path / "it's a store"
    assert run(["vault", "list", "--store", str(directory)]) == 1
    assert run(["vault", "create", "one", "--store", str(directory)]) == 0
    said = holdfast("env", "--data", str(directory), "--endpoint", "http://127.0.0.1:5", environ={"AWS_REGION": ""})
    assert said.returncode == 0
    found = exports(said.stdout)
    for service in ("BACKUPSTORAGE", "BACKUP", "HOLDFAST"):
        assert found[f"AWS_ENDPOINT_URL_{service}"] == "http://127.0.0.1:5"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == str(directory / "credentials")
    assert found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert os.path.exists(os.path.join(found["AWS_DATA_PATH"], "backupstorage", "2018-04-10", "service-2.json"))
    assert "unset AWS_ACCESS_KEY_ID" in said.stdout
    shell = subprocess.run(["sh", "-euc", said.stdout], capture_output=True, text=True)
    assert shell.returncode == 0, shell.stderr


def test_env_keeps_a_region_and_a_data_path_that_are_set(tmp_path: Path):
    said = holdfast(
        "env", "--data", str(tmp_path / "none"), environ={"AWS_REGION": "eu-central-1", "AWS_DATA_PATH": "/models"}
    )
    assert said.returncode == 0
    found = exports(said.stdout)
    assert "AWS_DEFAULT_REGION" not in found
    assert found["AWS_DATA_PATH"].endswith(":/models")
    assert "AWS_SHARED_CREDENTIALS_FILE" not in found
    assert "holdfast serve" in said.stderr

"""`holdfast verify` on a store that was damaged by hand."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.cli.main import run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def holdfast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in [name for name in os.environ if name.startswith(("AWS_", "HOLDFAST_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HOLDFAST_RESERVE", "0")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments, "--store", str(tmp_path / "store")])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(3):
        (tree / f"file{number}").write_bytes(os.urandom(300_000))
    return tree


def packs(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "store" / "blobs" / "packs").rglob("*") if path.is_file())


def flip_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_sound_store_is_said_to_be_sound(holdfast: Run, tree: Path) -> None:
    assert holdfast("backup", str(tree), "--source", "s")[0] == 0
    for scope in ((), ("--all",), ("--source", "s"), ("--source", "s", "--point", "latest")):
        code, out, _ = holdfast("verify", *scope)
        assert (code, "nothing" in out) == (0, True), scope


def test_damage_is_named_and_gone_after_the_same_data_came_again(holdfast: Run, tree: Path, tmp_path: Path) -> None:
    holdfast("backup", str(tree), "--source", "s")
    [largest] = sorted(packs(tmp_path), key=lambda path: path.stat().st_size)[-1:]
    flip_middle(largest)
    code, out, _ = holdfast("verify")
    assert code == 1
    assert "damaged: arn:aws:backup:" in out
    assert "file" in out
    code, out, _ = holdfast("verify", "--source", "s", "--json")
    assert code == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["Damaged"] for line in lines[:-1]] == ["object"] * (len(lines) - 1)
    assert lines[-1]["Summary"]["DamagedRecoveryPoints"] == [lines[0]["RecoveryPointArn"]]
    assert holdfast("backup", str(tree), "--source", "s")[0] == 0
    assert holdfast("verify")[0] == 0
    assert holdfast("restore", "--source", "s", "--to", str(tmp_path / "out"))[0] == 0
    for number in range(3):
        assert (tmp_path / "out" / f"file{number}").read_bytes() == (tree / f"file{number}").read_bytes()


@pytest.mark.parametrize("batched", [True, False])
def test_what_a_lost_pack_held_is_sent_again_although_the_tree_did_not_change(
    holdfast: Run, tree: Path, tmp_path: Path, batched: bool
) -> None:
    (tree / "large").write_bytes(os.urandom(9_000_000))
    (tree / "folder").mkdir()
    (tree / "folder" / "small").write_bytes(b"small")
    first = json.loads(holdfast("backup", str(tree), "--source", "s", "--json")[1])["recovery_point_arn"]
    for path in packs(tmp_path):
        path.unlink()
    code, out, _ = holdfast("verify")
    lines = [line for line in out.splitlines() if " large (" in line]
    # One line, or two where the answer's time was up between its chunks.
    assert (code, 1 <= len(lines) <= 2) == (1, True), lines
    assert holdfast("restore", "--source", "s", "--to", str(tmp_path / "torn"))[0] == 1
    more = () if batched else ("--no-batch",)
    again = json.loads(holdfast("backup", str(tree), "--source", "s", "--json", *more)[1])
    assert again["bytes_read"] >= 9_900_005
    for number, point in enumerate((first, "latest")):
        to = tmp_path / f"out{number}"
        assert holdfast("restore", "--source", "s", "--point", point, "--to", str(to))[0] == 0
        for path in tree.rglob("*"):
            assert path.is_dir() or (to / path.relative_to(tree)).read_bytes() == path.read_bytes()
    assert holdfast("verify")[0] == 0


def test_parity_repairs_what_it_can(holdfast: Run, tree: Path, tmp_path: Path) -> None:
    holdfast("backup", str(tree), "--source", "s")
    code, out, _ = holdfast("verify", "--add-parity", "10")
    assert (code, "parity added" in out) == (0, True)
    for path in packs(tmp_path):
        if path.stat().st_size > 300_000:
            flip_middle(path)
    code, out, _ = holdfast("verify", "--json")
    summary = json.loads(out.splitlines()[-1])["Summary"]
    assert (code, summary["RepairedChunks"], summary["Damages"]) == (0, 1, 0)
    assert holdfast("restore", "--source", "s", "--to", str(tmp_path / "out"))[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all", "--source", "s"),
        ("--point", "latest"),
        ("--add-parity", "0"),
        ("--add-parity", "many"),
        ("--add-parity", "5", "--source", "s"),
    ],
)
def test_what_makes_no_sense_is_misuse(holdfast: Run, arguments: tuple[str, ...]) -> None:
    assert holdfast("verify", *arguments)[0] == 2


def test_a_source_that_nobody_backed_up_is_not_called_sound(holdfast: Run, tree: Path) -> None:
    holdfast("backup", str(tree), "--source", "s")
    code, _, err = holdfast("verify", "--source", "nobody")
    assert (code, "no recovery point" in err) == (1, True)


def test_a_point_may_be_named_by_a_time(holdfast: Run, tree: Path) -> None:
    holdfast("backup", str(tree), "--source", "s")
    assert holdfast("verify", "--source", "s", "--point", "2100-01-01")[0] == 0
    assert holdfast("ls", "--source", "s", "--point", "2100-01-01T10:00")[0] == 0
    code, _, err = holdfast("ls", "--source", "s", "--point", "2001-01-01")
    assert (code, "from 2001-01-01 or before" in err) == (1, True)
    assert holdfast("verify", "--point", "2100-01-01")[0] == 2

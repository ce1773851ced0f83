"""What a command loads: its start must not pay for what it does not use. Counted in modules, never in seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, sys
from holdfast.cli.main import run
from holdfast.wire import specs
reading = specs._read_model
read = []
specs._read_model = lambda path: read.append(str(path)) or reading(path)
code = run(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules), "read": read}))
"""
PARSERS = ("cyclopts", "rich", "attr", "msgspec")
SERVING = ("uvicorn", "uvloop", "asyncio", "httptools", "http.server", "holdfast.server.asgi", "holdfast.app.process")
FOREIGN = ("boto3", "botocore", "prometheus_client", "structlog", "rich", "psycopg", "obstore", "zfec", "pygments")
UPKEEP = ("holdfast.upkeep.compactor", "holdfast.upkeep.scrub", "holdfast.upkeep.verifying", "holdfast.app.maintenance")


def started(*arguments: str) -> dict[str, Any]:
    """The exit code of a command, the modules that are loaded at its end, and the models that were read."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_"))}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def among(modules: list[str], *unwanted: str) -> list[str]:
    return [name for name in modules if name in unwanted or name.startswith(tuple(f"{each}." for each in unwanted))]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one recovery point of one file, of which nothing has changed since."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_text("one")
    assert backup(folder / "store")["code"] == 0
    return folder / "store"


def backup(store: Path) -> dict[str, Any]:
    return started("backup", str(store.parent / "tree"), "--source", "s", "--store", str(store), "--quiet")


@pytest.mark.parametrize("line", [["--version"], ["--help"], ["-h"], []])
def test_the_version_and_the_list_of_commands_are_printed_without_a_parser_or_a_store(line: list[str]) -> None:
    told = started(*line)
    assert told["code"] == 0
    # The program of this test imports the door to the models, and that the standard library's json.
    assert among(told["modules"], *PARSERS, *SERVING, *FOREIGN, "holdfast.app.config", "holdfast.catalog", "apsw") == []
    assert told["read"] == []


def test_points_of_a_store_loads_nothing_that_serves_measures_logs_or_looks_after_a_store(store: Path) -> None:
    told = started("points", "--store", str(store))
    assert told["code"] == 0
    assert among(told["modules"], *SERVING, *FOREIGN, *UPKEEP, "holdfast.dataplane.put_chunk", "email") == []


def test_an_unchanged_backup_loads_nothing_that_serves_measures_logs_or_looks_after_a_store(store: Path) -> None:
    told = backup(store)
    assert told["code"] == 0
    assert among(told["modules"], *SERVING, *FOREIGN, *UPKEEP, "holdfast.dataplane.get_objects") == []


def test_opening_a_store_reads_three_small_models_and_none_of_botocores(store: Path) -> None:
    read = [Path(path) for path in started("points", "--store", str(store))["read"]]
    assert len(read) == 3
    assert [path for path in read if "botocore" in path.parts] == []
    assert sum(path.stat().st_size for path in read) < 200_000


def test_collecting_is_loaded_by_the_command_that_asks_for_it(store: Path) -> None:
    told = started("gc", "--store", str(store))
    assert told["code"] == 0
    assert among(told["modules"], "holdfast.upkeep.compactor") == ["holdfast.upkeep.compactor"]

"""The commands as processes of their own: exit codes, unreadable files, kill -9."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.api import Api
from scripts.servers.fault_proxy import FaultProxy
from tests.agent.rig import described
from tests.backends import EmbeddedPlace
from tests.service.server_process import ServerProcess

BYTES_PER_SECOND = 1_500_000
_PROGRAM = (sys.executable, "-m", "holdfast")


_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH, _PR_CAPBSET_DROP = 1, 2, 24


def _obey_permissions() -> None:
    """In a child before exec: root loses the capabilities that let it read what permissions forbid."""
    if os.geteuid() == 0:
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            assert ctypes.CDLL(None, use_errno=True).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def _environment(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **more}


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_PROGRAM, *arguments],
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=_obey_permissions,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for found, folders, _ in os.walk(tmp_path):
        for name in folders:
            os.chmod(os.path.join(found, name), 0o700)


def _plant(folder: Path) -> Path:
    tree = folder / "tree"
    for name in ("open/file", "shut/inside", "secret", "zz"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    return tree


def test_what_cannot_be_read_is_named_and_its_older_version_kept(folder: Path) -> None:
    tree, store = _plant(folder), ("--store", str(folder / "store"))
    first = _run(folder, "backup", str(tree), "--source", "s", *store)
    assert first.returncode == 0
    before = described(tree)
    (tree / "secret").chmod(0)
    (tree / "shut").chmod(0)
    (tree / "new").write_text("new and unreadable")
    (tree / "new").chmod(0o200)
    second = _run(folder, "backup", str(tree), "--source", "s", "--json", *store)
    assert second.returncode == 3
    report = json.loads(second.stdout)
    seen = sum(report[kind] for kind in ("files", "directories", "links", "others"))
    assert seen == report["objects_sent"] + sum(report[f"objects_{end}"] for end in ("unchanged", "failed", "vanished"))
    assert (report["objects_failed"], report["objects_new"]) == (2, 0)
    problems = {one["path"]: one for one in report["problems"]}
    assert {path: one["kept"] for path, one in problems.items()} == {"new": False, "secret": True, "shut/": True}
    for path in problems:
        assert f"could not read {path}: Permission denied" in second.stderr
    restored = _run(folder, "restore", "--source", "s", "--to", str(folder / "out"), *store)
    assert restored.returncode == 0
    (folder / "out" / "shut").chmod(0o755)
    after = described(folder / "out")
    for name in (b"secret", b"shut/inside", b"open/file", b"zz"):
        assert after[name] == before[name]
    assert b"new" not in after


def test_a_target_that_refuses_is_named_and_the_rest_comes_back(folder: Path) -> None:
    tree, store = _plant(folder), ("--store", str(folder / "store"))
    assert _run(folder, "backup", str(tree), "--source", "s", *store).returncode == 0
    (folder / "out" / "open" / "file").mkdir(parents=True)
    (folder / "out" / "open" / "file" / "full").touch()
    result = _run(folder, "restore", "--source", "s", "--to", str(folder / "out"), *store)
    assert result.returncode == 3
    assert "could not restore open/file: Directory not empty" in result.stderr
    assert (folder / "out" / "zz").read_text() == "zz"


def test_lists_show_points_and_files(folder: Path) -> None:
    tree, store = _plant(folder), ("--store", str(folder / "store"))
    arn = json.loads(_run(folder, "backup", str(tree), "--source", "s", "--json", *store).stdout)["recovery_point_arn"]
    points = json.loads(_run(folder, "points", "--json", *store).stdout)
    assert [(one["Source"], one["RecoveryPointArn"]) for one in points] == [("s", arn)]
    assert arn in _run(folder, "points", "s", *store).stdout
    assert arn in _run(folder, "points", "--source", "s", *store).stdout
    assert arn not in _run(folder, "points", "--source", "another", *store).stdout
    listed = _run(folder, "ls", "--source", "s", "open", *store).stdout.splitlines()
    assert [line.split()[-1] for line in listed] == ["open", "open/file"]
    assert listed[1].startswith("-rw")
    lines = [json.loads(line) for line in _run(folder, "ls", "--source", "s", "--json", *store).stdout.splitlines()]
    assert [one["name"] for one in lines] == ["/", "open", "open/file", "secret", "shut", "shut/inside", "zz"]
    assert lines[2]["size"] == len("open/file")


def test_a_path_that_is_not_there_is_named_the_rest_is_done_and_the_exit_code_is_1(folder: Path) -> None:
    tree, store = _plant(folder), ("--store", str(folder / "store"))
    assert _run(folder, "backup", str(tree), "--source", "s", *store).returncode == 0
    wanted = (f"{tree}/open", "misspelt", "no*ne")
    restored = _run(folder, "restore", "--source", "s", "--to", str(folder / "out"), *store, "--json", *wanted)
    assert (restored.returncode, json.loads(restored.stdout)["missing"]) == (1, ["misspelt", "no*ne"])
    assert sorted(described(folder / "out")) == [b".", b"open", b"open/file"]
    listed = _run(folder, "ls", "--source", "s", *store, *wanted)
    assert (listed.returncode, len(listed.stdout.splitlines())) == (1, 2)
    for result in (restored, listed):
        for path in wanted[1:]:
            assert f"'{path}' is not in the recovery point: 'holdfast ls --source s' lists what is" in result.stderr


def test_failures_say_what_to_do(folder: Path) -> None:
    tree, store = _plant(folder), ("--store", str(folder / "store"))
    missing = _run(folder, "backup", str(tree / "nothing"), *store)
    assert (missing.returncode, "No such file" in missing.stderr) == (1, True)
    assert _run(folder, "backup", str(tree), "--vault", "nope", *store).returncode == 1
    unknown = _run(folder, "restore", "--source", "nope", "--to", str(folder / "out"), *store)
    assert (unknown.returncode, "no recovery point of source 'nope'" in unknown.stderr) == (1, True)
    assert _run(folder, "backup", *store).returncode == 2
    assert _run(folder, "restore", "--to", "x", *store).returncode == 2


def test_the_store_is_never_backed_up_into_itself(folder: Path) -> None:
    tree = _plant(folder)
    arguments = ("backup", str(tree), "--source", "s", "--json", "--store", str(tree / "store"))
    first, second = (json.loads(_run(folder, *arguments).stdout) for _ in range(2))
    assert first["objects_total"] == second["objects_total"] == 8  # the store's directory itself, nothing in it


@contextmanager
def _server(folder: Path) -> Iterator[tuple[dict[str, str], Api]]:
    """A real server; the variables that point the agent at it, and a client of our own."""
    server = ServerProcess(EmbeddedPlace(folder / "data"))
    server.start()
    api = server.api()
    try:
        credentials = str(folder / "data" / "credentials")
        yield {"AWS_ENDPOINT_URL": server.url, "AWS_SHARED_CREDENTIALS_FILE": credentials}, api
    finally:
        api.close()
        assert server.stop() == 0


@contextmanager
def _narrow(variables: dict[str, str]) -> Iterator[tuple[dict[str, str], FaultProxy]]:
    """The variables by way of a network that carries so little that a run is under way for minutes on any machine."""
    with FaultProxy(int(variables["AWS_ENDPOINT_URL"].rpartition(":")[2])) as proxy:
        proxy.slow(BYTES_PER_SECOND)
        yield {**variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}, proxy


def _wait_for_more(api: Api, process: "subprocess.Popen[Any]", done: int) -> int:
    """Returns when the running job holds more than `done` objects; how many."""
    while process.poll() is None:
        for job in api.list_backup_jobs(state="RUNNING"):
            now = len(api.scan_objects(job.backup_job_id, results_max=10_000).object_list)
            if now > done:
                return now
        time.sleep(0.01)
    raise AssertionError("the agent was done too soon")


def _grow(tree: Path) -> None:
    for number in range(6000):
        folder = tree / f"folder {number % 40}"
        folder.mkdir(exist_ok=True)
        (folder / f"file {number}").write_bytes(os.urandom(20_000))
    for number in range(4):
        (tree / f"large {number}").write_bytes(os.urandom(25_000_000))


def test_an_agent_killed_at_any_moment_is_taken_up_by_the_next_run(folder: Path) -> None:
    tree = _plant(folder)
    _grow(tree)
    with _server(folder) as (direct, api), _narrow(direct) as (variables, proxy):
        command = [*_PROGRAM, "backup", str(tree), "--source", "s", "--json"]
        environment = _environment(folder, **variables)
        done = 0
        for _ in range(3):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            done = _wait_for_more(api, process, done)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        proxy.pass_all()
        last = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        report = json.loads(last.stdout)
        assert report["resumed"]
        assert report["objects_unchanged"] >= done
        restore = [*_PROGRAM, "restore", "--source", "s", "--to", str(folder / "out")]
        subprocess.run(restore, env=environment, capture_output=True, check=True, timeout=60)
    assert described(folder / "out") == described(tree)


def test_an_interrupt_leaves_the_job_and_says_so(folder: Path) -> None:
    tree = _plant(folder)
    _grow(tree)
    with _server(folder) as (direct, api), _narrow(direct) as (variables, _):
        command = [*_PROGRAM, "backup", str(tree), "--source", "s"]
        environment = _environment(folder, **variables)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        _wait_for_more(api, process, 0)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[1]
        assert process.returncode not in (0, 3)
        assert "run the same command again" in said
        assert "interrupted" in said

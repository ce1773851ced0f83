"""A few of the system calls that `make torture` refuses one by one, and the proof that the tracer does what it says."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torture import syscalls
from torture.faults import BEGIN, END, FAULTS, Watch
from torture.section import Budget
from torture.system_calls import Call
from torture.tracer import Kill, Refuse, Shorten, Tracer, Verdict, filter_own_calls, mark, why_not

# Newer Pythons warn of a fork beside threads (those of pytest); these children ask for no lock.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def test_a_store_whose_system_calls_fail_here_and_there_loses_nothing_and_works_on(tmp_path: Path) -> None:
    figures = syscalls.run(Budget(0, seed=20261103, folder=tmp_path, processes=2, rounds_min=50), print)
    if figures.skipped:
        pytest.skip(figures.skipped)
    assert figures.losses == ()
    assert figures.counts["faults injected"] >= 50


def traced(child: Callable[[], None], decide: Callable[[Call], Verdict]) -> int:
    """The wait status of a process that does `child` under a tracer."""
    if reason := why_not():
        pytest.skip(reason)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.read(reading, 1)
            filter_own_calls()
            child()
        finally:
            os._exit(0)
    try:
        tracer = Tracer(pid)
    except OSError as refused:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        pytest.skip(str(refused))
    finally:
        os.close(reading)
    os.write(writing, b"g")
    os.close(writing)
    return tracer.follow(decide)


def write_three_times(file: Path) -> None:
    """Nine bytes, a sync, nine bytes; what each call said goes into the file's neighbour."""
    told = []
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for act in (
        lambda: os.write(descriptor, b"123456789"),
        lambda: os.fdatasync(descriptor),
        lambda: os.writev(descriptor, [b"abcdefgh", b"i"]),
    ):
        try:
            told.append(str(act()))
        except OSError as refused:
            told.append(errno.errorcode[refused.errno])
    file.with_suffix(".told").write_text(" ".join(told))


def test_a_short_write_takes_half_of_the_first_buffer_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"

    def decide(call: Call) -> Verdict:
        return Shorten() if call.path == str(file) and call.name.startswith("write") else None

    traced(lambda: write_three_times(file), decide)
    assert file.read_bytes() == b"1234" + b"abcd"
    assert file.with_suffix(".told").read_text() == "4 None 4"


def test_a_refused_call_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "file"

    def decide(call: Call) -> Verdict:
        return Refuse(errno.ENOSPC) if call.path == str(file) and call.name == "write" else None

    traced(lambda: write_three_times(file), decide)
    assert file.read_bytes() == b"abcdefghi"
    assert file.with_suffix(".told").read_text() == "ENOSPC None 9"


def test_a_killed_process_has_not_made_the_call(tmp_path: Path) -> None:
    file = tmp_path / "file"
    status = traced(lambda: write_three_times(file), lambda call: Kill() if call.name == "writev" else None)
    assert os.WTERMSIG(status) == 9
    assert file.read_bytes() == b"123456789"
    assert not file.with_suffix(".told").exists()


def test_calls_count_only_between_the_marks_and_only_on_the_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()

    def child() -> None:
        (store / "before").write_bytes(b"x")
        mark(BEGIN)
        (store / "between").write_bytes(b"x")
        (tmp_path / "elsewhere").write_bytes(b"x")
        (store / "between").read_bytes()
        mark(END)
        (store / "after").write_bytes(b"x")

    watch = Watch(store)
    traced(child, watch.decide)
    assert [(call.name, Path(call.path).name) for call in watch.calls] == [("openat", "between"), ("write", "between")]


def test_whoever_writes_to_a_file_whose_sync_failed_is_found_out_and_the_bytes_are_gone(tmp_path: Path) -> None:
    store = tmp_path / "store" / "packs"
    store.mkdir(parents=True)

    def child() -> None:
        mark(BEGIN)
        write_three_times(store / "pack")
        mark(END)

    (fault,) = [fault for fault in FAULTS if fault.loses]
    clean = Watch(tmp_path / "store")
    traced(child, clean.decide)
    assert clean.wrong == []
    (store / "pack").unlink()
    (at,) = [place for place, call in enumerate(clean.calls) if call.name == "fdatasync"]
    watch = Watch(tmp_path / "store", fault, at)
    traced(child, watch.decide)
    assert watch.struck is not None
    assert watch.wrong == [f"{store}/pack was given writev after its sync had failed"]
    assert (store / "pack").read_bytes() == bytes(9) + b"abcdefghi"

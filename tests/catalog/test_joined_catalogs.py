"""One SQLite catalog, open in several processes that all write."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.catalog import writers
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.transaction import Tx
from holdfast.model.errors import WriterEnded
from holdfast.model.purpose import Purpose

TRANSACTIONS = 150
WRITER = """
    import sys, time
    from pathlib import Path
    from holdfast.catalog import writers
    from holdfast.catalog.sqlite import SqliteCatalog
    from holdfast.catalog.writer import Writer
    from holdfast.model.purpose import Purpose
    catalog = SqliteCatalog(Path(sys.argv[1]), joins=True)
    writer = Writer(catalog, 1, joins=True)
"""


def begin(path: Path, code: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(WRITER) + textwrap.dedent(code), str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a catalog that somebody alone has made ready."""
    SqliteCatalog(tmp_path / "catalog").close()
    return tmp_path / "catalog"


def beats(catalog: SqliteCatalog) -> list[int]:
    with catalog.snapshot() as tx:
        return sorted(writers.live(tx).values())


@pytest.mark.timeout(120)
def test_all_write_and_whoever_opens_it_meanwhile_finds_nothing_wrong(path: Path) -> None:
    code = f"""
        for _ in range({TRANSACTIONS}):
            catalog.run([lambda tx: writers.beat(tx, writer.number)], Purpose.READ)
    """
    crowd = [begin(path, code) for _ in range(3)]
    opened = 0
    while any(each.poll() is None for each in crowd):
        with closing(SqliteCatalog(path, joins=True)) as catalog:
            beats(catalog)
        opened += 1
    for each in crowd:
        each.communicate()
        assert each.returncode == 0
    assert opened > 3
    with closing(SqliteCatalog(path)) as catalog:
        assert beats(catalog) == [TRANSACTIONS] * 3


def test_the_turn_of_a_process_that_is_killed_in_it_is_the_next_ones(path: Path) -> None:
    code = """
        def stay(tx):
            print("in", flush=True)
            time.sleep(600)
        catalog.run([stay], Purpose.READ)
    """
    with closing(SqliteCatalog(path, joins=True)) as catalog, begin(path, code) as stuck:
        assert stuck.stdout is not None and stuck.stdout.readline() == "in\n"
        done = threading.Event()

        def write() -> None:
            catalog.run([lambda tx: writers.join(tx, 1)], Purpose.BEGIN)
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.5), "two wrote at once"
        os.kill(stuck.pid, signal.SIGKILL)
        assert done.wait(120)
        thread.join()
        assert len(beats(catalog)) == 2


def test_readers_do_not_wait_for_a_turn(path: Path) -> None:
    with closing(SqliteCatalog(path, joins=True)) as one, closing(SqliteCatalog(path, joins=True)) as other:

        def step(_: Tx) -> list[int]:
            return beats(other)

        [outcome] = one.run([step], Purpose.BEGIN)
        assert outcome.value == []


def test_a_writer_that_was_ended_is_refused_beside_others_too(path: Path) -> None:
    code = """
        print(writer.number, flush=True)
        sys.stdin.readline()
    """
    with closing(SqliteCatalog(path, joins=True)) as catalog:
        [outcome] = catalog.run([lambda tx: writers.join(tx, 1)], Purpose.BEGIN)
        assert isinstance(outcome.value, int)
        catalog.fence(outcome.value)
        with begin(path, code) as other:
            assert other.stdout is not None
            assert int(other.stdout.readline()) == outcome.value + 1
        # Whoever is alone with the store takes it over from all of them.
        with closing(SqliteCatalog(path, joins=True)) as alone:
            alone.run([lambda tx: writers.begin(tx, 1)], Purpose.BEGIN)
        with pytest.raises(WriterEnded):
            catalog.run([lambda tx: writers.beat(tx, 1)], Purpose.READ)

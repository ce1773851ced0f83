"""Two processes over one store: whoever opened it last writes, and the other one is refused in its next transaction."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import LOCK_NAME, StoreLock
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.writer import Writer
from holdfast.chunks.packs import PackSet
from holdfast.model.errors import Unavailable

HOLDER = """
import sys
from pathlib import Path
from holdfast.blobs.local import LocalBlobs
from holdfast.blobs.lock import StoreLock
from holdfast.catalog.sqlite import SqliteCatalog
from holdfast.catalog.writer import Writer
from holdfast.chunks.commit import GroupCommit
from holdfast.chunks.packs import PackSet
from holdfast.chunks.port import SealedFrame
from holdfast.model.errors import Unavailable

store = Path(sys.argv[1])
lock = StoreLock(store)
catalog = SqliteCatalog(store / "catalog")
packs = PackSet(LocalBlobs(store / "blobs"), Writer(catalog, 1).register)
commits = GroupCommit(packs, catalog)
for number, line in enumerate(sys.stdin):
    def step(tx, locations):
        tx.run("INSERT INTO holds (reason, since_us) VALUES (:reason, 0)", {"reason": f"holder {number}"})
    frames = [SealedFrame(b"v" * 16, bytes([number]) * 32, 1, (b"frame",))] if line.strip() == "frames" else []
    try:
        commits.submit(frames, step)
        print("done", flush=True)
    except Unavailable as refused:
        print(refused.message, flush=True)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the store and writes a row for each line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate(timeout=60)


def write(holder: "subprocess.Popen[str]", what: str = "rows") -> str:
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"{what}\n")
    holder.stdin.flush()
    return holder.stdout.readline().strip()


def rows(catalog: SqliteCatalog) -> list[str]:
    with catalog.snapshot() as tx:
        return [row[0] for row in tx.all("SELECT reason FROM holds ORDER BY reason")]


def test_a_holder_whose_lock_was_taken_from_under_it_writes_no_more(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    assert write(holder) == "done"
    with pytest.raises(Unavailable, match="in use by process"):
        StoreLock(tmp_path)
    # Somebody "cleans up" the lock file of a process that they believe dead.
    (tmp_path / LOCK_NAME).unlink()
    with StoreLock(tmp_path), closing(SqliteCatalog(tmp_path / "catalog")) as catalog:
        assert write(holder) == "done", "opened is not yet taken over"
        writer = Writer(catalog, 2)
        packs = PackSet(LocalBlobs(tmp_path / "blobs"), writer.register)
        assert "another process has opened this store" in write(holder)
        assert "another process has opened this store" in write(holder, "frames")
        catalog.run([lambda tx: tx.run("INSERT INTO holds (reason, since_us) VALUES ('taken over', 0)")])
        assert "another process has opened this store" in write(holder)
        assert rows(catalog) == ["holder 0", "holder 1", "taken over"]
        packs.close()
    # The refused group made no pack: a pack is registered first, and that is a transaction like any other.
    assert list(LocalBlobs(tmp_path / "blobs").list("packs/")) == []


def test_a_writer_is_refused_in_the_middle_of_its_work_by_the_next_one(tmp_path: Path) -> None:
    first = SqliteCatalog(tmp_path / "catalog")
    older = Writer(first, 1)
    second = SqliteCatalog(tmp_path / "catalog")
    Writer(second, 2)
    ran: list[bool] = []
    with pytest.raises(Unavailable, match="another process"):
        first.run([lambda tx: ran.append(True)])
    assert ran == []
    with pytest.raises(Unavailable, match="another process"):
        older.register(b"v" * 16, b"p" * 16)
    assert rows(first) == [], "reading goes on"
    first.close()
    second.close()

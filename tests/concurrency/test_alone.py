"""What must be alone with a store is: nobody rebuilds its catalog while somebody works with it."""

import io
from pathlib import Path

import pytest

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.rebuild import rebuild
from holdfast.blobs.lock import StoreLock
from holdfast.model.errors import Unavailable
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from tests.backends import Backend, Place, embedded_only, shared_only
from tests.concurrency.nodes import Node


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    return backend.place(tmp_path / "store")


def opened(options: StoreOptions) -> System:
    return System(options, Metrics(), open_log("error", "json", io.StringIO()))


def test_nobody_rebuilds_the_catalog_of_a_store_that_is_open(place: Place) -> None:
    system = opened(place.options())
    try:
        with pytest.raises(Unavailable, match=r"is in use by process|is in use: a node has the catalog"):
            rebuild(place.node("rebuilding") if place.options().catalog else place.options(), replace=True)
    finally:
        system.close()


@embedded_only("where the catalog is no file of one process, others may come; the next test says what comes of it")
def test_nobody_opens_a_store_whose_catalog_is_being_rebuilt(place: Place) -> None:
    opened(place.options()).close()
    during: list[BaseException] = []

    def look(*_: object) -> None:
        try:
            opened(place.options()).close()
        except Unavailable as refused:
            during.append(refused)

    rebuild(place.options(), replace=True, progress=look)
    assert during
    opened(place.options()).close()
    with StoreLock(place.folder):
        pass


@shared_only("a node may come at any time")
@pytest.mark.parametrize("stays", [True, False])
def test_what_a_node_takes_in_while_the_catalog_is_rebuilt_is_not_lost(place: Place, stays: bool) -> None:
    first = Node(place.options())
    kept = first.start("kept")
    first.put(kept, "x", b"data")
    points = {first.commit(kept): {"x": b"data"}}
    first.close()
    late: list[Node] = []

    def work(*_: object) -> None:
        if not late:
            late.append(Node(place.node("late")))
            job = late[0].start("late")
            late[0].put(job, "y", b"late")
            points[late[0].commit(job)] = {"y": b"late"}
            if not stays:
                late[0].close()

    with pytest.raises(Unavailable):
        rebuild(place.node("rebuilding"), replace=True, progress=work)
    assert late
    if stays:
        late[0].close()
    after = Node(place.options())
    for point, contents in points.items():
        assert after.read(point) == contents
    after.close()

"""The network between a move and its database or its bucket goes away and comes back."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from holdfast.app.moving_report import Progress
from holdfast.app.places import open_catalog
from holdfast.catalog import freezes
from holdfast.model.errors import Unavailable
from scripts.servers.fault_proxy import FaultProxy
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place, fill


@dataclass
class Links:
    """The ways from a node to its servers."""

    node: Place
    database: FaultProxy
    bucket: FaultProxy


@pytest.fixture
def store(tmp_path: Path) -> Place:
    store = Place.embedded(tmp_path / "store")
    fill(store, 6)
    return store


@pytest.fixture
def links(store: Place, postgres_server: Postgres, rgw_server: RadosGateway, tmp_path: Path) -> Iterator[Links]:
    node = Elsewhere(postgres_server, rgw_server).place(tmp_path / "node", store.clock)
    catalog, bucket = node.options.catalog, node.options.bucket
    assert catalog is not None and bucket is not None and bucket.endpoint is not None
    with ExitStack() as held:
        database = held.enter_context(FaultProxy(postgres_server.port))
        gateway = held.enter_context(FaultProxy(int(bucket.endpoint.rpartition(":")[2])))
        name = catalog.url.partition("?")[0].rpartition("/")[2]
        node.options = replace(
            node.options,
            catalog=replace(catalog, url=postgres_server.tcp_url(name, database.port)),
            bucket=replace(bucket, endpoint=f"http://127.0.0.1:{gateway.port}"),
        )
        yield Links(node, database, gateway)


def away(link: FaultProxy, phases: tuple[str, ...], seconds: float | None) -> Progress:
    """When each of the phases begins, the link is cut, for so long or for good."""
    left = set(phases)

    def progress(what: str, _done: int, _total: int) -> None:
        if what in left:
            left.remove(what)
            link.cut()
            if seconds is not None:
                threading.Timer(seconds, link.pass_all).start()

    return progress


def told(place: Place) -> dict[str, object]:
    with place.opened():
        return place.says()


@pytest.mark.parametrize("link", ["database", "bucket"])
def test_what_is_away_for_a_moment_is_waited_for(store: Place, links: Links, link: str) -> None:
    before = told(store)
    phases = ("bytes copied", "bytes read back", "rows copied", "rows compared", "manifests opened")
    store.move_to(links.node, away(getattr(links, link), phases, 0.7))
    assert told(links.node) == before


@pytest.mark.parametrize("link", ["database", "bucket"])
def test_what_stays_away_ends_the_move_and_the_source_takes_changes(store: Place, links: Links, link: str) -> None:
    before = told(store)
    options = links.node.options
    assert options.catalog is not None and options.bucket is not None
    links.node.options = replace(
        options,
        catalog=replace(options.catalog, patience_seconds=1.0),
        bucket=replace(options.bucket, patience_seconds=1.0),
    )
    phase = "rows copied" if link == "database" else "bytes read back"
    began = time.monotonic()
    with pytest.raises(Unavailable):
        store.move_to(links.node, away(getattr(links, link), (phase,), None))
    assert time.monotonic() - began < 60
    with closing(open_catalog(store.options)) as catalog, catalog.snapshot() as tx:
        assert freezes.standing(tx) == []
    getattr(links, link).pass_all()
    links.node.options = options
    store.move_to(links.node)
    assert told(links.node) == before

"""An embedded store goes to PostgreSQL and a bucket and back, and nobody can tell but by where it is."""

from pathlib import Path

import pytest

from holdfast.app.moving_marks import read
from holdfast.chunks import reed_solomon
from holdfast.model.errors import HoldfastError, Unavailable
from tests.app.moving_rig import DAMAGED, Elsewhere, Held, Place, fill
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway


@pytest.fixture
def store(tmp_path: Path) -> Place:
    return Place.embedded(tmp_path / "store")


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


def told(place: Place) -> dict[str, object]:
    with place.opened():
        return place.says()


def rows(place: Place, statement: str) -> list[tuple[object, ...]]:
    with place.opened():
        return place.rows(statement)


@pytest.mark.timeout(600)
def test_twenty_recovery_points_are_the_same_at_each_stop(store: Place, elsewhere: Elsewhere, tmp_path: Path) -> None:
    reed_solomon.require()
    held = fill(store)
    with store.opened():
        # One frame that is known to be damaged, and one that nobody has looked at since.
        known, unknown = store.rows("SELECT pack_no, frame_offset FROM chunks WHERE chunk_no IN (SELECT chunk_no FROM object_chunks) AND pack_no IN (SELECT pack_no FROM packs WHERE parity_percent = 0) ORDER BY chunk_no DESC LIMIT 2")
    before = told(store)
    assert len([arn for arn in before if str(arn).startswith("arn:")]) == 17
    there = elsewhere.place(tmp_path / "node", store.clock)
    report = store.move_to(there, check_frames=True)
    assert (report.manifests, report.parities > 0, report.damaged_total) == (report.tables["manifests"].rows, True, 0)
    assert told(there) == before
    back = Place.embedded(tmp_path / "back", store.clock)
    there.move_to(back, check_frames=True)
    assert told(back) == before
    assert (known, unknown) is not None
    assert held is not None

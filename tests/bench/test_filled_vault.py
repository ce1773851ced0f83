"""A vault that was filled from the side is one that the service could have written, and goes on with."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from bench.scale import fill
from bench.scaling import real_part
from bench.scaling.places import Place
from bench.scaling.plan import NEVER, Plan
from bench.scaling.real_part import ROLE, SOURCE, VAULT
from holdfast.app.build import System
from holdfast.app.in_process import InProcessTransport
from holdfast.catalog.postgres_options import PostgresOptions
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics

PLAN = Plan(objects=2_000, chunks=6_000, points=4)


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    catalog = None
    if request.param == "PostgreSQL":
        server = request.getfixturevalue("postgres_server")
        catalog = PostgresOptions(server.url(server.new_database()))
    place = Place(tmp_path_factory.mktemp("filled") / "store", catalog)
    fill(place, PLAN, lambda _: None)
    return place


@contextmanager
def service(place: Place) -> Iterator[Api]:
    with closing(System(place.options, Metrics(), open_log("warning"), background=False)) as system:
        key = system.access_key
        yield Api(InProcessTransport(system.gateway), Credentials(key.access_key_id, key.secret))


def names_at(seq: int) -> list[str]:
    versions = [version for job in range(1, seq + 1) for version in PLAN.versions_of(job)]
    return sorted(PLAN.name(version.number) for version in versions if version.to_seq > seq)


def listed(api: Api, job: str) -> dict[str, str]:
    found: dict[str, str] = {}
    token = None
    while True:
        page = api.scan_objects(job, next_token=token)
        found |= {entry.name: entry.object_token for entry in page.object_list}
        token = page.next_token
        if token is None:
            return found


def test_it_has_the_rows_that_were_planned(place: Place) -> None:
    with place.loader() as loader:
        [(objects,)] = loader.rows("SELECT count(*) FROM objects")
        [(chunks,)] = loader.rows("SELECT count(*) FROM object_chunks")
    assert objects == pytest.approx(PLAN.objects, rel=0.01)
    assert chunks == pytest.approx(PLAN.chunks, rel=0.05)  # so few objects leave no room for a fraction of large ones


def test_every_row_refers_to_what_there_is(place: Place) -> None:
    lost = {
        "a reference to no object": "object_chunks r LEFT JOIN objects o ON o.object_no = r.object_no"
        " WHERE o.name IS NULL",
        "a reference to no chunk": "object_chunks r LEFT JOIN chunks c ON c.chunk_no = r.chunk_no WHERE c.bad IS NULL",
        "a chunk in no pack": "chunks c LEFT JOIN packs p ON p.pack_no = c.pack_no WHERE p.uid IS NULL",
        "an object of no job": "objects o LEFT JOIN backup_jobs j ON j.job_no = o.job_no AND j.seq = o.from_seq"
        " WHERE j.uid IS NULL",
        "an object with another number of chunks": "objects o WHERE o.chunk_count <>"
        " (SELECT count(*) FROM object_chunks r WHERE r.object_no = o.object_no)",
        "an object of another length": "objects o WHERE o.bytes <> (SELECT sum(c.raw_bytes) FROM object_chunks r"
        " JOIN chunks c ON c.chunk_no = r.chunk_no WHERE r.object_no = o.object_no)",
        "a pack with other bytes": "packs p WHERE p.bytes <> 48 + p.dead_bytes +"
        " (SELECT coalesce(sum(c.frame_bytes), 0) FROM chunks c WHERE c.pack_no = p.pack_no)"
        " AND p.pack_no NOT IN (SELECT max(pack_no) FROM packs)",
    }
    with place.loader() as loader:
        assert {what: loader.rows(f"SELECT count(*) FROM {rows}") for what, rows in lost.items()} == {
            what: [(0,)] for what in lost
        }


def test_every_recovery_point_shows_its_names(place: Place) -> None:
    with service(place) as api:
        points = list(api.list_recovery_points_by_vault(VAULT, resource_arn=SOURCE))
        for seq, point in zip(range(PLAN.points, 0, -1), points, strict=True):
            job = api.start_restore_job(point.recovery_point_arn)
            assert list(listed(api, job)) == names_at(seq)
            api.complete_restore_job(job)


def test_the_real_objects_are_read_under_their_new_numbers(place: Place) -> None:
    with service(place) as api:
        newest = next(iter(api.list_recovery_points_by_vault(VAULT, resource_arn=SOURCE)))
        job = api.start_restore_job(newest.recovery_point_arn)
        tokens = listed(api, job)
        for number in PLAN.some_real(20):
            for chunk in api.list_chunks(job, tokens[PLAN.name(number)]):
                assert len(api.get_chunk(job, chunk.chunk_token)) == 4096
        api.complete_restore_job(job)


def test_backups_and_collection_go_on_from_it(place: Place) -> None:
    before = set(names_at(PLAN.points))
    changed = sorted(before)[::9]
    with service(place) as api:
        points = []
        for _ in range(2):
            job = api.start_backup_job(VAULT, SOURCE, ROLE).backup_job_id
            api.put_objects(job, [real_part.record(name, 0) for name in changed])
            committed = api.commit_backup_job(job)
            assert committed.object_count == len(before)
            points.append(committed.recovery_point_arn)
        api.delete_recovery_point(VAULT, points[0])
        collected = list(api.collect_all_garbage(compact_threshold=100))
        assert sum(one.swept_objects for one in collected) == len(changed)
        job = api.start_restore_job(points[1])
        assert set(listed(api, job)) == before
    with place.loader() as loader:
        real_part.require_settled(loader)


def test_names_ascend_with_their_numbers() -> None:
    numbers = [0, 1, 9, 10, 99, 100, 9_999, 10_000, 99_999, 100_000, 1_234_567, 99_999_999]
    names = [PLAN.name(number).encode() for number in numbers]
    assert names == sorted(names)


def test_each_name_has_one_row_in_each_view() -> None:
    rows = [version for seq in range(1, PLAN.points + 1) for version in PLAN.versions_of(seq)]
    for seq in range(1, PLAN.points + 1):
        seen = [row.number for row in rows if row.from_seq <= seq < row.to_seq]
        assert len(seen) == len(set(seen))
    assert {row.to_seq for row in rows} == {*range(2, PLAN.points + 1), NEVER}

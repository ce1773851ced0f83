"""A store that is being served is moved: who reads does not notice, who writes is told where to."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.http import HttpTransport
from holdfast.client.profile import resolve
from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.model.errors import HoldfastError
from scripts.servers.postgres import Postgres
from scripts.servers.rgw import RadosGateway
from tests.app.moving_rig import Elsewhere, Place, fill
from tests.cli.serving import Service, holdfast, serving
from tests.records.rig import ROLE, StepClock, noise


@pytest.fixture
def elsewhere(postgres_server: Postgres, rgw_server: RadosGateway) -> Elsewhere:
    return Elsewhere(postgres_server, rgw_server)


@contextmanager
def client(service: Service, data: Path) -> Iterator[Api]:
    profile = resolve(service.environ(data))
    assert profile.endpoint is not None
    with closing(
        Api(HttpTransport(profile.endpoint), profile.required_credentials(), region=profile.region, attempts_max=1)
    ) as api:
        yield api


class Loop(threading.Thread):
    """Does something over and over until it is told to stop, and keeps what went wrong."""

    def __init__(self, action: Callable[[int], None]) -> None:
        super().__init__()
        self.action = action
        self.count = 0
        self.error: Exception | None = None
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.is_set() and self.error is None:
            try:
                self.action(self.count)
                self.count += 1
            except Exception as error:  # noqa: BLE001 - it is looked at by the test
                self.error = error

    def stop(self) -> None:
        self.over.set()
        self.join()


def reading(api: Api, arn: str) -> Callable[[int], None]:
    """Reads a recovery point whole, each time through a job of its own; it never is another."""
    first: list[object] = []

    def read(count: int) -> None:
        job = api.start_restore_job(arn, idempotency_token=f"reader {count}")
        seen = [
            (found.name, chunk.index, bytes(api.get_chunk(job, chunk.chunk_token)))
            for found in api.scan_objects(job).object_list
            for chunk in api.list_chunks(job, found.object_token)
        ]
        api.complete_restore_job(job)
        assert seen
        assert not first or seen == first[0]
        first[:] = [seen]

    return read


def writing(api: Api, acknowledged: dict[str, bytes]) -> Callable[[int], None]:
    """Backs up one small file after the other, each as a recovery point of its own."""

    def write(count: int) -> None:
        data = noise(10_000 + count, 2000)
        job = api.start_backup_job("default", source_arn(f"w{count % 3}"), ROLE).backup_job_id
        api.put_object(job, "file", data, checksum.digest(data))
        acknowledged[api.commit_backup_job(job).recovery_point_arn] = data

    return write


def test_readers_go_on_and_writers_are_told(elsewhere: Elsewhere, tmp_path: Path) -> None:
    # By the service's own clock: it brings leases of times to come back to its present.
    store = Place.embedded(tmp_path / "store", present())
    held = fill(store, 8)
    with store.opened():
        arn = store.points()[-1]
    node = elsewhere.place(tmp_path / "node")
    acknowledged: dict[str, bytes] = {}
    with serving(store.folder, "--reserve", "0") as service, client(service, store.folder) as api:
        reader, writer = Loop(reading(api, arn)), Loop(writing(api, acknowledged))
        try:
            while (reader.count < 2 or writer.count < 5) and not (reader.error or writer.error):
                time.sleep(0.05)
            words = [*store.arguments("from"), *node.arguments("to"), "--json"]
            moved = holdfast("migrate", *words, environ=elsewhere.environment())
            assert moved.returncode == 0, moved.stderr
            before = reader.count
            while reader.count < before + 2 and reader.error is None:
                time.sleep(0.05)
        finally:
            reader.stop()
            writer.stop()
    assert reader.error is None
    assert isinstance(writer.error, HoldfastError)
    assert "the store takes no changes: it " in writer.error.message
    assert writer.count >= 5
    node.clock = present()
    with node.opened():
        # Everything that was acknowledged came along, to the last moment before the freeze.
        for each, data in acknowledged.items():
            assert node.contents(each)["file"][2][0][1] == data  # type: ignore[index]
        held.read_on(node)
        held.finish(node)
        node.back_up({"a": b"a"})
    assert credentials(store.folder) == credentials(node.folder)


def present() -> StepClock:
    """A clock of the rig's that starts where the service's is."""
    clock = StepClock()
    clock.us = time.time_ns() // 1000
    return clock


def credentials(folder: Path) -> Credentials:
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    return resolve(environ).required_credentials()

"""A recovery point of which the store has nothing left."""

from pathlib import Path

from holdfast.client.api import Api
from tests.agent.rig import Rig
from tests.backends import Backend

SMALL, LARGE = 40, 2


def test_a_wholly_damaged_point_is_told_without_waiting_and_with_few_requests(
    rig: Rig, backend: Backend, tmp_path: Path
) -> None:
    for number in range(SMALL):
        (rig.tree / f"small {number}").write_bytes(bytes([number]) * 500)
    for number in range(LARGE):
        (rig.tree / f"large {number}").write_bytes(bytes([number + 1]) * 3_000_000)
    rig.back_up()
    place = backend.place(tmp_path / "store")
    for name in place.names():
        place.overwrite(name, place.read_blob(name)[:100])
    waits: list[float] = []
    rig.api = Api(rig.transport, rig.credentials, sleep=waits.append)
    rig.transport.requests.clear()
    report = rig.restore()
    assert len({problem.path for problem in report.problems} - {"/"}) == SMALL + LARGE
    assert report.damaged_total == report.problems_total
    assert waits == []
    # Small ones are asked for in halves until each is alone.
    assert rig.transport.requests.total() <= 2 * (SMALL + 1) + 10 * LARGE + 10

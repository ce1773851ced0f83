"""One real service for each test file that asks for it."""

from collections.abc import Iterator

import pytest

from tests.interop.live_service import LiveService


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "interop":
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with LiveService(tmp_path_factory.mktemp("service") / "data") as running:
        yield running

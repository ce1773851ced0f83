import pytest

from holdfast.app.open_files import OPEN_FILES_NEEDED, shares
from holdfast.model.limits import CONNECTIONS_MAX, OPEN_FILES_WANTED


@pytest.mark.parametrize("limit", [20, 64, 256, 1024, OPEN_FILES_NEEDED, OPEN_FILES_WANTED])
def test_connections_never_take_the_files_that_the_store_needs(limit: int):
    share = shares(limit)
    assert min(share.connections, share.reserved, share.ops) >= 2
    assert share.connections + share.reserved + share.ops <= max(limit - min(512, limit // 2), 10)
    assert (share.connections == CONNECTIONS_MAX) == (limit >= OPEN_FILES_NEEDED)

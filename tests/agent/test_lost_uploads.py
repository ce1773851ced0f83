"""One upload never arrives and everything around it does: the run fails, and there is no recovery point without it."""

import os
import threading

import pytest

from holdfast.client.api import Api
from holdfast.client.transport import ClientReply, ClientRequest, Transport, body_parts
from holdfast.model.errors import Unavailable
from tests.agent.rig import Rig


class LosingOne:
    """Passes everything on but one request that carries data, however often it is sent."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._lost: tuple[bytes, bytes] | None = None
        self.lost = 0

    @property
    def host(self) -> bytes:
        return self._inner.host

    def send(self, request: ClientRequest, *, expect: bool = False) -> ClientReply:
        body = b"".join(body_parts(request.body))
        if len(body) > 50_000:
            key = request.raw_path, body
            with self._lock:
                self._lost = self._lost or key
            if key == self._lost:
                self.lost += 1
                raise Unavailable("this one never arrives")
        return self._inner.send(request, expect=expect)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize(("files", "size"), [(40, 10_000), (2, 3_000_000)], ids=["small", "large"])
def test_an_upload_that_never_arrives_fails_the_run_although_all_others_do(rig: Rig, files: int, size: int) -> None:
    for number in range(files):
        (rig.tree / f"file {number}").write_bytes(os.urandom(size))
    losing = LosingOne(rig.transport)
    rig.api = Api(losing, rig.credentials, sleep=lambda seconds: None, attempts_max=2)
    with pytest.raises(Unavailable, match="never arrives"):
        rig.back_up()
    assert losing.lost == 2
    assert rig.last.problems == []
    assert rig.last.recovery_point_arn is None

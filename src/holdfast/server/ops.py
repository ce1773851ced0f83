"""The application of the address for those who watch: health and metrics, and nothing else."""

from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from holdfast.server.asgi import reply
from holdfast.server.health import Health
from holdfast.wire.message import RequestHead, Response

_NOTHING = b"there is nothing here but /health/live, /health/ready and /metrics\n"


class OpsFace:
    """Answers from `health` to every client; reads no bodies."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def __call__(self, scope: Scope, _: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"
        head = RequestHead(scope["method"], scope["raw_path"], scope["query_string"], ())
        page = self._health.answer(head)
        await reply(send, page or Response(404, ((b"content-type", b"text/plain; charset=utf-8"),), _NOTHING))

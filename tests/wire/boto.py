"""The other side of the mirror: today's boto3 with our models, its requests caught before they reach a socket."""

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config

from holdfast.wire import specs
from holdfast.wire.message import RequestHead, Response

MODELS = ("backupstorage", "holdfast", "backup")
SERVICES = specs.load()
Answer = Callable[[RequestHead, bytes], Response]


class Raw(io.BytesIO):
    """A body as urllib3 hands it out."""

    def stream(self, amt: int = 1024, decode_content: bool | None = None) -> list[bytes]:
        return [self.read()]


@cache
def loader() -> Any:
    session = botocore.session.Session()
    data = session.get_component("data_loader")
    data.search_paths.insert(0, str(specs.data_path()))
    return session


class Boto:
    """A boto client whose requests are answered by `answer` instead of a server."""

    def __init__(self, model: str, endpoint: str = "http://127.0.0.1:9220") -> None:
        self.client = loader().create_client(
            model,
            region_name="local",
            endpoint_url=endpoint,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        )
        self.model = self.client.meta.service_model
        self.answer: Answer = lambda head, body: Response(200)
        self.client.meta.events.register("before-send", self._send)

    def call(self, operation: str, params: dict[str, Any], answer: Answer) -> Any:
        """What boto returns when `answer` answers the request that it makes of `params`."""
        self.answer = answer
        method = next(name for name, wire in self.client.meta.method_to_api_mapping.items() if wire == operation)
        return getattr(self.client, method)(**params)

    def request(self, operation: str, params: dict[str, Any]) -> tuple[RequestHead, bytes]:
        """What boto sends for `params`."""
        sent: list[tuple[RequestHead, bytes]] = []

        def keep(head: RequestHead, body: bytes) -> Response:
            sent.append((head, body))
            return Response(200)

        self.call(operation, params, keep)
        return sent[0]

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        path, _, query = request.url.removeprefix("http://").encode("ascii").partition(b"?")
        body = request.body or b""
        head = RequestHead(
            method=request.method,
            raw_path=b"/" + path.partition(b"/")[2],
            raw_query=query,
            headers=tuple((key.lower().encode(), _bytes(value)) for key, value in request.headers.items()),
        )
        response = self.answer(head, body if isinstance(body, bytes) else body.read())
        headers = HeadersDict([(key.decode(), value.decode("latin-1")) for key, value in response.headers])
        headers["content-length"] = str(len(response.body))
        return AWSResponse(request.url, response.status, headers, Raw(response.body))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@cache
def boto(model: str) -> Boto:
    """The client for `model`, made once: making one costs more than a hundred calls."""
    return Boto(model)

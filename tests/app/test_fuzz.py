"""Requests of every kind of wrongness against the whole service: always a modelled answer, never a defect.

Signed correctly, so that they reach what lies behind the door; through the gateway, so that thousands take seconds.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.app.build import System
from holdfast.app.config import StoreOptions
from holdfast.app.in_process import InProcessTransport
from holdfast.client.api import Api
from holdfast.client.call import Credentials
from holdfast.client.transport import ClientRequest
from holdfast.model.arn import source_arn
from holdfast.model.clock import SystemClock
from holdfast.model.errors import AlreadyExists
from holdfast.observe.logs import open_log
from holdfast.observe.metrics import Metrics
from holdfast.sigv4.sign import sign
from holdfast.wire.specs import Operation, load

SERVICES = load()
NAMES = [operation.name for operation in SERVICES.operations]
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "3000"))
RENEWED_AFTER = 20
"""Requests after which there is a new job, since some of them end the one there is."""


@dataclass
class Target:
    system: System
    api: Api
    transport: InProcessTransport
    log: io.StringIO
    requests: int = 0
    jobs: int = 0
    found: list[str] = field(default_factory=list)

    def known(self) -> list[str]:
        """Names and tokens that are good for something, so that requests get further than the first check."""
        if self.requests % RENEWED_AFTER == 0:
            self.found = self._find()
        self.requests += 1
        return self.found

    def _find(self) -> list[str]:
        self.jobs += 1
        with contextlib.suppress(AlreadyExists):
            self.api.create_vault("default")
        job = self.api.start_backup_job("default", source_arn(f"s{self.jobs}"), "arn:aws:iam::1:role/r").backup_job_id
        data = b"chunk"
        self.api.put_object(job, "o", data, hashlib.sha256(data).digest())
        upload = self.api.start_object(job, "u")
        (entry,) = self.api.scan_objects(job).object_list
        (chunk,) = self.api.list_chunks(job, entry.object_token)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return [job, upload, entry.object_token, chunk.chunk_token, checksum, "default", "o", "5", "SHA256", "SUMMARY"]

    def send(self, operation: Operation, target: str, body: bytes, unsigned: bool) -> tuple[int, bytes]:
        raw_path, _, query = target.encode().partition(b"?")
        key = self.system.access_key
        given = [(b"host", b"h")]
        digest = "UNSIGNED-PAYLOAD" if unsigned else hashlib.sha256(body).hexdigest()
        added = sign(
            operation.method,
            raw_path,
            query,
            given,
            digest,
            key.access_key_id,
            key.secret,
            None,
            "r",
            operation.signing_name,
            SystemClock().now_us(),
        )
        reply = self.transport.send(ClientRequest(operation.method, raw_path, query, (*given, *added), body))
        return reply.status, bytes(reply.body)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    log = io.StringIO()
    directory: Path = tmp_path_factory.mktemp("store")
    system = System(StoreOptions(directory), Metrics(), open_log("error", "json", log))
    transport = InProcessTransport(system.gateway)
    key = system.access_key
    yield Target(system, Api(transport, Credentials(key.access_key_id, key.secret)), transport, log)
    system.close()


TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(max_codepoint=0x9F), max_size=12),
    st.sampled_from(["", ".", "..", "/", "a/../b", "%2F", "\x00", "null", "true", "-1", "0", "NaN", "1e400"]),
    st.integers(-(2**70), 2**70).map(str),
    st.integers(0, 5000).map(lambda count: "x" * count),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


FITTING = (
    ("algorithm", 8),
    ("checksum", 4),
    ("length", 7),
    ("index", 7),
    ("results", 7),
    ("upload", 1),
    ("objecttoken", 2),
    ("chunktoken", 3),
    ("vault", 5),
    ("name", 6),
    ("job", 0),
)


def fitting(name: str) -> int:
    """Which of what is known belongs into a label or parameter of that name; anything where nothing does."""
    return next((place for word, place in FITTING if word in name.lower().replace("-", "")), 6)


Attempt = tuple[str, list[str | int], list[tuple[str, str | int]], object, bool]


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """An operation, its labels, its query and its body; an int stands for something known."""
    operation = SERVICES.operation(draw(st.sampled_from(NAMES)))
    value = st.one_of(st.integers(0, 9), TEXT)
    spoiled = draw(st.sampled_from(["nothing", "labels", "query", "everything"]))
    labels = [
        draw(value) if spoiled in ("labels", "everything") else fitting(label)
        for label in re.findall(r"{(\w+)}", operation.uri)
    ]
    names = [name.decode() for name in operation.query]
    if spoiled in ("query", "everything"):
        chosen = draw(st.lists(st.sampled_from(names), max_size=6)) if names else []
        pairs = [(name, draw(value)) for name in chosen]
        pairs += draw(st.lists(st.tuples(st.text(max_size=5), TEXT), max_size=1))
    else:
        pairs = [(name, fitting(name)) for name in names if draw(st.booleans()) or "checksum" in name]
    members = [member.name for member in operation.json_members]
    documents = JSON
    if members:
        documents = st.one_of(JSON, st.dictionaries(st.sampled_from(members), value | JSON, max_size=6))
    body: object = draw(st.one_of(st.just(b"chunk"), st.just(b""), st.binary(max_size=64), documents))
    return operation.name, labels, pairs, body, draw(st.booleans())


def rendered(
    known: list[str], operation: Operation, labels: list[str | int], pairs: list[tuple[str, str | int]], body: object
) -> tuple[str, bytes]:
    def text(value: object) -> str:
        return known[value] if isinstance(value, int) and not isinstance(value, bool) else str(value)

    def escaped(value: object) -> str:
        return quote(text(value).encode("utf-8", "surrogatepass"), safe="")

    path = operation.uri.partition("?")[0]
    for label in labels:
        before, _, rest = path.partition("{")
        path = before + escaped(label) + rest.partition("}")[2]
    query = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in pairs)
    if isinstance(body, bytes):
        return f"{path}?{query}", body
    if isinstance(body, dict):
        body = {name: known[value] if type(value) is int and 0 <= value <= 9 else value for name, value in body.items()}
    return f"{path}?{query}", json.dumps(body).encode("utf-8", "surrogatepass")


@settings(
    max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
@given(attempts())
def test_whatever_is_sent_the_answer_is_modelled_and_nothing_breaks(target: Target, attempt: Attempt) -> None:
    name, labels, pairs, body, unsigned = attempt
    operation = SERVICES.operation(name)
    where, raw = rendered(target.known(), operation, labels, pairs, body)
    status, answer = target.send(operation, where, raw, unsigned and operation.unsigned_payload)
    assert status < 500, (operation.name, where, raw, status, answer, target.log.getvalue())
    if status >= 400:
        document = json.loads(answer)
        assert document["__type"].endswith("Exception")
        assert document["Message"]

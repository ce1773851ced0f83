"""Bad input of every kind is answered with a modelled 4xx that says what is wrong: never a 5xx, never a traceback."""

import configparser
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.model import checksum
from holdfast.model.arn import source_arn
from holdfast.sigv4.sign import sign
from holdfast.wire.batch import PutRecord, encode
from holdfast.wire.specs import load
from tests.backends import KINDS, backend_of
from tests.lengths import BOTH, Length
from tests.service.raw_http import RawAnswer, RawConnection, RawRequest
from tests.service.server_process import ServerProcess

EXAMPLES = {"short": {"embedded": 250, "shared": 100}, "full": {"embedded": 1_000, "shared": 300}}
"""What is refused before the store is asked is refused alike; what reaches it takes longer there."""
REQUESTS_EACH = 8
ROLE = "arn:aws:iam::000000000000:role/backup"

MODELLED = {code for operation in load().operations for code in operation.errors} | {"AccessDeniedException"}


@dataclass
class Target:
    """A live server with a job in it, and everything that is needed to make valid requests of it."""

    connection: RawConnection
    host: bytes
    key: str
    secret: str
    job: str
    restore: str
    upload: str
    object_token: str
    chunk_token: str
    point_arn: str
    examples: int
    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How often each error code, or '200', was the answer."""

    def send(self, request: RawRequest, service: str, spoil: "Spoiling") -> RawAnswer:
        request.headers.insert(0, (b"host", self.host))
        unsigned = service == "backup-storage" and request.method == "PUT" and b"/object/" in request.path[:80]
        payload = "UNSIGNED-PAYLOAD" if unsigned and not request.path.endswith(b"!") else request.payload_hash()
        now_us = time.time_ns() // 1000 + spoil.clock_shift_us
        signature = sign(
            request.method,
            request.path,
            request.raw_query(),
            request.headers,
            payload,
            spoil.access_key or self.key,
            self.secret,
            None,
            "anywhere",
            spoil.service or service,
            now_us,
        )
        signature = tuple(header for header in signature if header[0] not in spoil.dropped_headers)
        request.headers += spoil.unsigned_headers
        self.sent += 1
        return self.connection.ask(request.encode(signature), half_close=request.half_close)


@dataclass
class Spoiling:
    """What is done to a request after its parameters have been chosen."""

    clock_shift_us: int = 0
    access_key: str | None = None
    service: str | None = None
    dropped_headers: tuple[bytes, ...] = ()
    unsigned_headers: tuple[tuple[bytes, bytes], ...] = ()


@pytest.fixture(scope="module", params=BOTH)
def length(request: pytest.FixtureRequest) -> Length:
    chosen: Length = request.param
    return chosen


@pytest.fixture(scope="module", params=KINDS)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, length: Length
) -> Iterator[Target]:
    with backend_of(request, request.param) as backend:
        place = backend.place(tmp_path_factory.mktemp("fuzz") / "store")
        server = ServerProcess(place, "--log-level", "warning")
        server.start()
        made = _target(server, EXAMPLES[length][backend.kind])
        yield made
        _assert_well(server, made)


def _assert_well(server: ServerProcess, made: Target) -> None:
    made.connection.close()
    assert server.stop() == 0
    log = "".join(server.log)
    assert "Traceback" not in log and "unexpected" not in log, log[-5000:]
    print(made.sent, dict(made.outcomes))
    assert made.sent >= made.examples * REQUESTS_EACH
    # A fuzzer that only ever sees one answer tests nothing.
    for outcome in ("200", "AccessDeniedException", "IllegalArgumentException", "NotReadableInputStreamException",
                    "InvalidParameterValueException", "ResourceNotFoundException"):  # fmt: skip
        assert made.outcomes[outcome] > made.examples // 125, outcome


def _target(server: ServerProcess, examples: int) -> Target:
    profiles = configparser.ConfigParser(interpolation=None)
    profiles.read(server.data / "credentials")
    key = profiles["default"]
    api = server.api(attempts_max=6)
    first = api.start_backup_job("default", source_arn("fuzz"), ROLE).backup_job_id
    api.put_object(first, "x", b"data", checksum.digest(b"data"), metadata_string="m")
    point_arn = api.commit_backup_job(first).recovery_point_arn
    restore = api.start_restore_job(point_arn)
    job = api.start_backup_job("default", source_arn("fuzz"), ROLE).backup_job_id
    token = api.scan_objects(restore).object_list[0].object_token
    chunk = next(iter(api.list_chunks(restore, token))).chunk_token
    upload = api.start_object(job, "upload")
    api.close()
    host = server.url.removeprefix("http://").encode()
    return Target(
        RawConnection(server.url),
        host,
        key["aws_access_key_id"],
        key["aws_secret_access_key"],
        job,
        restore,
        upload,
        token,
        chunk,
        point_arn,
        examples,
    )


def _q(text: str) -> bytes:
    return quote(text, safe="-_.~").encode()


_DATA = b"some data"
_SHA = checksum.encode(hashlib.sha256(_DATA).digest())
_SUM = checksum.encode(hashlib.sha256(hashlib.sha256(_DATA).digest()).digest())
_BATCH = encode([PutRecord("batched", "m", _DATA, hashlib.sha256(_DATA).digest(), b"blob")])


def _valid(target: Target, choice: int) -> tuple[RawRequest, str]:
    """A request that would be accepted, and its signing name."""
    job, restore = _q(target.job), _q(target.restore)
    chunk_query = [(b"length", b"%d" % len(_DATA)), (b"checksum", _q(_SHA)), (b"checksum-algorithm", b"SHA256")]
    storage = [
        RawRequest(
            "PUT",
            b"/backup-jobs/" + job + b"/object/a%2Fb/put-object",
            [(b"metadata-string", b"m"), *chunk_query, (b"throwOnDuplicate", b"false")],
            body=_DATA,
        ),
        RawRequest("PUT", b"/backup-jobs/" + job + b"/object/new!", [], body=b'{"ThrowOnDuplicate": false}'),
        RawRequest(
            "PUT", b"/backup-jobs/" + job + b"/chunk/" + target.upload.encode() + b"/7", chunk_query, body=_DATA
        ),
        RawRequest(
            "PUT",
            b"/backup-jobs/" + job + b"/object/" + target.upload.encode() + b"/complete",
            [(b"checksum", _q(_SUM)), (b"checksum-algorithm", b"SUMMARY"), (b"metadata-blob-length", b"4")],
            body=b"blob",
        ),
        RawRequest("DELETE", b"/backup-jobs/" + job + b"/object/x"),
        RawRequest(
            "GET",
            b"/restore-jobs/" + restore + b"/objects/list",
            [
                (b"max-results", b"5"),
                (b"starting-object-prefix", b"x"),
                (b"created-after", b"2015-01-01T00%3A00%3A00Z"),
            ],
        ),
        RawRequest(
            "GET",
            b"/restore-jobs/" + restore + b"/chunks/" + target.object_token.encode() + b"/list",
            [(b"max-results", b"5")],
        ),
        RawRequest("GET", b"/restore-jobs/" + restore + b"/chunk/" + target.chunk_token.encode()),
        RawRequest("GET", b"/restore-jobs/" + restore + b"/object/" + target.object_token.encode() + b"/metadata"),
        RawRequest("POST", b"/backup-jobs/" + job + b"/objects", body=_BATCH),
        RawRequest(
            "POST",
            b"/restore-jobs/" + restore + b"/objects/get",
            body=b'{"ObjectTokens": ["' + target.object_token.encode() + b'"]}',
        ),
        RawRequest("POST", b"/backup-jobs/" + job + b"/objects/delete", body=b'{"ObjectNames": ["none"]}'),
        RawRequest("GET", b"/restore-jobs/" + restore + b"/objects/scan", [(b"max-results", b"100")]),
        RawRequest("GET", b"/backup-jobs/" + job + b"/base"),
        RawRequest("POST", b"/backup-jobs/no-such-job/commit", body=b'{"DropOpenUploads": true}'),
    ]
    control = [
        RawRequest("PUT", b"/backup-vaults/another", body=b'{"CreatorRequestId": "r", "BackupVaultTags": {"a": "b"}}'),
        RawRequest("GET", b"/backup-vaults/default"),
        RawRequest("GET", b"/backup-vaults/", [(b"maxResults", b"3")]),
        RawRequest(
            "PUT",
            b"/backup-jobs",
            body=b'{"BackupVaultName": "none", "ResourceArn": "arn:aws:s3:::b", "IamRoleArn": "%s"}' % ROLE.encode(),
        ),
        RawRequest("GET", b"/backup-jobs/" + job),
        RawRequest("GET", b"/backup-jobs/", [(b"state", b"RUNNING"), (b"createdAfter", b"2015-01-01T00%3A00%3A00Z")]),
        RawRequest("GET", b"/restore-jobs/", [(b"maxResults", b"1000")]),
        RawRequest("GET", b"/restore-jobs/" + restore),
        RawRequest("GET", b"/backup-vaults/default/recovery-points/", [(b"maxResults", b"1")]),
        RawRequest("GET", b"/backup-vaults/default/recovery-points/" + _q(target.point_arn)),
        RawRequest("GET", b"/resources/" + _q(source_arn("fuzz")) + b"/recovery-points/"),
        RawRequest(
            "PUT",
            b"/restore-jobs",
            body=b'{"RecoveryPointArn": "arn:aws:backup:local:0:recovery-point:none", "Metadata": {"a": "b"}}',
        ),
    ]
    if choice < len(storage):
        return storage[choice], "backup-storage"
    return control[(choice - len(storage)) % len(control)], "backup"


_VISIBLE = st.sampled_from([chr(code).encode() for code in range(0x21, 0x7F) if chr(code) != "#"])
_JUNK = st.one_of(
    st.sampled_from(
        [b"", b"0", b"-1", b"101", b"9223372036854775808", b"1e5", b"+5", b"true", b"%", b"%zz", b"%C3", b"%00", b"%2F",
         b"%2E%2E", b"..", b".", b"//", b"%25", b"A" * 300, b"%F0%9F%92%A9" * 30, b"9" * 400, b"null", b"NaN"]
    ),
    st.lists(_VISIBLE, max_size=30).map(b"".join).map(lambda text: text.replace(b"?", b"")),
    st.binary(max_size=20).map(lambda raw: quote(raw, safe="").encode()),
)  # fmt: skip
_JSON_JUNK = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"[]", b"null", b"{", b'{"a":' * 2000, b'{"ThrowOnDuplicate": "yes"}', b'{"ObjectTokens": 7}', b"\xff\xfe",
         b'{"ObjectNames": [1, null]}', b'{"BackupVaultName": {"a": []}}', b"[" * 5000, b'{"Metadata": {"a": 1}}']
    ),
)  # fmt: skip


def _spoil_segment(request: RawRequest, at: int, junk: bytes) -> None:
    segments = request.path.split(b"/")
    segments[1 + at % (len(segments) - 1)] = junk
    request.path = b"/".join(segments)


def _spoil_query(request: RawRequest, at: int, junk: bytes) -> None:
    if request.query:
        key, _ = request.query[at % len(request.query)]
        request.query[at % len(request.query)] = (key, junk.replace(b"&", b"").replace(b"=", b""))


def _drop_query(request: RawRequest, at: int, _: bytes) -> None:
    if request.query:
        del request.query[at % len(request.query)]


def _repeat_query(request: RawRequest, at: int, _: bytes) -> None:
    if request.query:
        request.query.append(request.query[at % len(request.query)])


def _other_method(request: RawRequest, at: int, _: bytes) -> None:
    request.method = ["GET", "PUT", "POST", "DELETE", "HEAD2", "PATCH"][at % 6]


def _cut_body(request: RawRequest, at: int, _: bytes) -> None:
    request.content_length = len(request.body) + 1 + at % 50
    request.half_close = True


def _longer_body(request: RawRequest, _: int, junk: bytes) -> None:
    request.body += junk or b"x"


def _flip_body(request: RawRequest, at: int, _: bytes) -> None:
    if request.body:
        at %= len(request.body)
        request.body = request.body[:at] + bytes([request.body[at] ^ 1 << at % 8]) + request.body[at + 1 :]


def _huge_header(request: RawRequest, at: int, _: bytes) -> None:
    request.headers.append((b"x-junk", b"j" * (1000 * (1 + at))))


_SPOILS = [
    _spoil_segment, _spoil_segment, _spoil_query, _spoil_query, _drop_query, _repeat_query, _other_method, _cut_body,
    _longer_body, _flip_body, _huge_header,
]  # fmt: skip
_SPOILING = st.one_of(
    st.just(Spoiling()),
    st.just(Spoiling()),
    st.just(Spoiling()),
    st.builds(Spoiling, clock_shift_us=st.sampled_from([-(10**13), 10**12])),
    st.builds(Spoiling, access_key=st.sampled_from(["HFAKUNKNOWN", "../x", "A" * 300])),
    st.builds(Spoiling, service=st.sampled_from(["s3", "backup", "backup-storage", "no thing"])),
    st.builds(
        Spoiling,
        dropped_headers=st.sampled_from([(b"authorization",), (b"x-amz-date",), (b"x-amz-content-sha256",)]),
    ),
    st.builds(
        Spoiling,
        unsigned_headers=st.sampled_from(
            [
                ((b"x-amz-security-token", b"t"),),
                ((b"x-amz-target", b"t"),),
                ((b"authorization", b"AWS4-HMAC-SHA256 x"),),
                ((b"content-encoding", b"zstd"),),
                ((b"expect", b"100-continue"),),
                ((b"expect", b"200-maybe"),),
            ]
        ),
    ),
)  # fmt: skip
_ONE = st.tuples(
    st.integers(0, 26),
    st.lists(st.tuples(st.sampled_from(_SPOILS), st.integers(0, 99), _JUNK), max_size=3),
    st.one_of(st.none(), st.none(), _JSON_JUNK),
    _SPOILING,
)


@pytest.mark.timeout(900)
def test_no_request_however_spoilt_gets_a_5xx(target: Target) -> None:
    @settings(max_examples=target.examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(_ONE, min_size=REQUESTS_EACH, max_size=REQUESTS_EACH))
    def run(requests: list) -> None:  # type: ignore[type-arg]
        _send(target, requests)

    run()


def _send(target: Target, requests: list) -> None:  # type: ignore[type-arg]
    for choice, spoils, body, spoiling in requests:
        request, service = _valid(target, choice)
        if body is not None:
            request.body = body
        for spoil, at, junk in spoils:
            spoil(request, at, junk)
        if request.content_length is not None and request.content_length <= len(request.body):
            # What another spoil made longer than declared would be the beginning of a next request.
            request.content_length = None
            request.half_close = False
        answer = target.send(request, service, spoiling)
        assert 200 <= answer.status < 500, (request, answer)
        if answer.status < 400:
            target.outcomes["200"] += 1
        else:
            error = answer.error()
            target.outcomes[str(error["__type"])] += 1
            assert error["__type"] in MODELLED, (request, answer)
            assert answer.headers["x-amzn-errortype"] == error["__type"]
            assert str(error["Message"]).strip(), "an error says what is wrong"
            assert "x-amzn-requestid" in answer.headers

"""Every way in which a bucket may fail becomes one of our errors, with what was said, what to do, and no secret."""

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from holdfast.blobs.patience import Patience
from holdfast.blobs.s3 import S3Blobs
from holdfast.blobs.s3_errors import Kind, OddAnswer, understand
from holdfast.blobs.s3_options import S3Options
from holdfast.model.errors import AlreadyExists, DiskFull, InvalidInput, NotFound, Unavailable
from scripts.servers.ports import free_port
from scripts.servers.rgw import RadosGateway
from tests.blobs.middleman import Middleman, answer, verbatim

Verb = Callable[[S3Blobs], object]

VERBS: dict[str, Verb] = {
    "put": lambda blobs: blobs.put("a/b", b"data"),
    "put_new": lambda blobs: blobs.put_new("a/b", [b"da", b"ta"]),
    "get": lambda blobs: blobs.get("a/b"),
    "read": lambda blobs: blobs.read("a/b", 1, 2),
    "size": lambda blobs: blobs.size("a/b"),
    "delete": lambda blobs: blobs.delete("a/b"),
    "list": lambda blobs: list(blobs.list("a/")),
    "check": lambda blobs: blobs.check(),
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


@pytest.fixture
def middleman(rgw_server: RadosGateway) -> Iterator[Middleman]:
    with Middleman(int(rgw_server.endpoint.rpartition(":")[2])) as middleman:
        yield middleman


@pytest.fixture
def hasty(bucket: S3Options, middleman: Middleman) -> S3Blobs:
    """Through the middleman, with little patience."""
    return S3Blobs(replace(bucket, endpoint=middleman.endpoint, patience_seconds=0.05))


@every_verb
def test_a_wrong_secret_is_said_to_be_one(bucket: S3Options, verb: Verb) -> None:
    with pytest.raises(Unavailable, match=r"s3_secret_access_key \(403 SignatureDoesNotMatch\)"):
        verb(S3Blobs(replace(bucket, secret_access_key="no-such-secret")))


@every_verb
def test_an_unknown_access_key_is_said_to_be_one(bucket: S3Options, verb: Verb) -> None:
    with pytest.raises(Unavailable, match=r"s3_access_key_id \(403 InvalidAccessKeyId\)"):
        verb(S3Blobs(replace(bucket, access_key_id="NOBODY")))


@every_verb
def test_a_missing_bucket_is_never_taken_for_a_missing_blob(bucket: S3Options, verb: Verb) -> None:
    with pytest.raises(Unavailable, match=rf"s3://missing at {bucket.endpoint}: there is no such bucket.*NoSuchBucket"):
        verb(S3Blobs(replace(bucket, bucket="missing")))


@every_verb
def test_the_bucket_of_somebody_else_is_denied(rgw_server: RadosGateway, bucket: S3Options, verb: Verb) -> None:
    S3Blobs(bucket).put("a/b", b"data")
    denied = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]
    policy = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": denied, "Resource": "*"}]})
    rgw_server.client().put_bucket_policy(Bucket=bucket.bucket, Policy=policy)
    try:
        with pytest.raises(Unavailable, match=r"may not do this.*list it \(403 AccessDenied\)"):
            verb(S3Blobs(bucket))
    finally:
        rgw_server.client().delete_bucket_policy(Bucket=bucket.bucket)


@every_verb
def test_a_server_that_does_not_listen_is_named(bucket: S3Options, verb: Verb) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=rf"{endpoint}: it cannot be reached \(Connection refused\): see s3_endpoint"):
        verb(S3Blobs(replace(bucket, endpoint=endpoint, patience_seconds=0.1)))


def test_a_name_that_cannot_be_resolved_is_named(bucket: S3Options) -> None:
    blobs = S3Blobs(replace(bucket, endpoint="http://bucket.invalid", patience_seconds=0.1))
    with pytest.raises(
        Unavailable, match=r"at http://bucket.invalid: its host name cannot be resolved: see s3_endpoint"
    ):
        blobs.get("a/b")


def test_encryption_where_there_is_none_is_a_server_that_cannot_be_reached(bucket: S3Options) -> None:
    endpoint = str(bucket.endpoint).replace("http:", "https:")
    with pytest.raises(Unavailable, match="cannot be reached"):
        S3Blobs(replace(bucket, endpoint=endpoint, patience_seconds=0.1)).get("a/b")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("403 Forbidden", "RequestTimeTooSkewed", "set this machine's clock"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "another region: see s3_region"),
        ("301 Moved", "PermanentRedirect", "another region or at another endpoint"),
        ("400 Bad Request", "ExpiredToken", "session token has expired"),
        ("501 Not Implemented", "NotImplemented", "conditional writes"),
        ("405 Method Not Allowed", "MethodNotAllowed", "the store refuses it (405 MethodNotAllowed: As it says)"),
        ("403 Forbidden", "", "may not do this"),
    ],
)
@every_verb
def test_what_somebody_must_mend_is_not_tried_again(
    hasty: S3Blobs, middleman: Middleman, verb: Verb, status: str, code: str, words: str
) -> None:
    middleman.steps = [answer(status, code, "As it says")] * 5
    with pytest.raises(Unavailable, match=re.escape(words)):
        verb(hasty)
    # One request; of a check, one to clean up after itself too.
    assert len(middleman.requests) <= 2


@every_verb
def test_a_quota_that_is_used_up_is_a_full_disk(hasty: S3Blobs, middleman: Middleman, verb: Verb) -> None:
    middleman.steps = [answer("403 Forbidden", "QuotaExceeded")]
    with pytest.raises(DiskFull, match="quota is used up"):
        verb(hasty)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        ("503 Slow Down", "SlowDown", "it asks for fewer requests (503 SlowDown: Please reduce)"),
        ("429 Too Many Requests", "TooManyRequests", "it asks for fewer requests"),
        ("500 Internal", "InternalError", "it failed within"),
        ("502 Bad Gateway", "", "it cannot serve now (502)"),
        ("400 Bad Request", "RequestTimeout", "did not arrive in time"),
        ("409 Conflict", "ConditionalRequestConflict", "somebody else is changing the same object"),
    ],
)
@every_verb
def test_what_passes_is_tried_again_and_said_if_it_does_not_pass(
    bucket: S3Options, middleman: Middleman, verb: Verb, status: str, code: str, words: str
) -> None:
    patient = S3Blobs(replace(bucket, endpoint=middleman.endpoint))
    S3Blobs(bucket).put("a/b", b"data")
    middleman.steps = [answer(status, code, "Please reduce")] * 3
    if verb is VERBS["put"]:
        with pytest.raises(AlreadyExists) if status < "500" else _nothing():
            verb(patient)
    else:
        verb(patient)
    assert middleman.steps == []
    middleman.steps = [answer(status, code, "Please reduce")] * 1000
    hasty = S3Blobs(replace(bucket, endpoint=middleman.endpoint, patience_seconds=0.05))
    with pytest.raises(Unavailable, match=re.escape(words)):
        verb(hasty)


class _nothing:  # noqa: N801 - reads like pytest.raises
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "page",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\n\r\n<html>404</html>"[:-1],
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n<p>hi</p>",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["404 of a proxy", "200 of a portal", "206 without a range", "302 to a login", "no HTTP at all"],
)
@pytest.mark.parametrize("verb", ["put", "put_new", "get", "read", "size", "list", "check"])
def test_what_is_no_object_store_is_never_believed(
    hasty: S3Blobs, middleman: Middleman, verb: str, page: bytes
) -> None:
    middleman.steps = [verbatim(page)] * 1000
    with pytest.raises(Unavailable):
        VERBS[verb](hasty)


def test_without_credentials_it_is_said_where_they_are_looked_for(bucket: S3Options, middleman: Middleman) -> None:
    metadata = (
        "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 3.5ms - Server returned"
        " non-2xx status code: 403 Forbidden: denied"
    )
    options = replace(bucket, access_key_id=None, secret_access_key=None)
    trouble = understand(Exception(metadata), options)
    assert trouble.kind is Kind.LASTING
    assert "set s3_access_key_id" in trouble.words
    assert understand(OddAnswer("sent 3 bytes"), options).kind is Kind.PASSING


def test_no_secret_gets_into_a_message_a_traceback_or_a_representation(
    bucket: S3Options, middleman: Middleman, caplog: pytest.LogCaptureFixture
) -> None:
    options = replace(bucket, endpoint=middleman.endpoint, session_token="the-session-token")
    # As AWS does, which repeats the request's headers; here even in its sentence.
    said = f"you sent x-amz-security-token:the-session-token and {options.secret_access_key}"
    middleman.steps = [answer("403 Forbidden", "SignatureDoesNotMatch", said)]
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as raised:
        S3Blobs(options).get("a/b")
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + repr(options) + repr(S3Blobs(options))
    assert str(options.secret_access_key) not in told
    assert "the-session-token" not in told
    assert "you sent x-amz-security-token:(secret)" in raised.value.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bucket": "a/b"}, "s3://bucket/prefix"),
        ({"prefix": "../up"}, "blob name"),
        ({"prefix": "/"}, "blob name"),
        ({"endpoint": "127.0.0.1:9000"}, "s3_endpoint must be http://host:port"),
        ({"endpoint": "http://user:password@host"}, "no user in it"),
        ({"endpoint": "http://host/path"}, "nothing behind it"),
        ({"endpoint": "http://host:port"}, "http://host:port"),
        ({"secret_access_key": None}, "belong together"),
        ({"stall_seconds": 0.0}, "more than 0"),
    ],
)
def test_options_that_cannot_work_are_refused_with_what_to_write(changes: dict[str, object], words: str) -> None:
    good = S3Options("bucket", "prefix", "http://host:9000", access_key_id="key", secret_access_key="secret")
    with pytest.raises(InvalidInput, match=re.escape(words)) as refused:
        replace(good, **changes)  # type: ignore[arg-type]
    assert "password" not in refused.value.message


def test_pauses_grow_are_drawn_by_lot_and_end_with_the_patience() -> None:
    now, pauses = [100.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    def fail() -> None:
        now[0] += 0.01
        raise OddAnswer("nonsense")

    for draw, most in ((lambda lots: lots - 1, 1.0), (lambda lots: lots // 4, 0.25)):
        pauses.clear()
        patience = Patience(10, monotonic=lambda: now[0], sleep=sleep, draw=draw)
        began = now[0]
        with pytest.raises(Exception, match="nonsense"):
            patience.run(fail, lambda error: understand(error, S3Options("bucket")), (OddAnswer,))
        assert now[0] - began <= 10
        assert pauses[:4] == pytest.approx([0.05 * most, 0.1 * most, 0.2 * most, 0.4 * most], rel=1e-4)
        assert max(pauses) == pytest.approx(2.0 * most, rel=1e-4)


def test_a_missing_library_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(Unavailable, match=re.escape("pip install 'holdfast[s3]'")):
        S3Blobs(S3Options("bucket"))


def test_a_missing_blob_is_not_found(bucket: S3Options) -> None:
    for verb in ("get", "read", "size"):
        with pytest.raises(NotFound, match=r"cannot read a/b: there is no such blob in s3://"):
            VERBS[verb](S3Blobs(bucket))
    VERBS["delete"](S3Blobs(bucket))
    assert VERBS["list"](S3Blobs(bucket)) == []

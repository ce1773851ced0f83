"""What a signature lets through, and what it does not."""

import dataclasses
import re

import pytest

from holdfast.model.errors import Denied
from holdfast.model.limits import CLOCK_SKEW_SECONDS_MAX
from holdfast.sigv4.verify import parse_authorization, payload_hash_declared, verify
from holdfast.wire.message import RequestHead
from tests.sigv4.signed_requests import EMPTY, KEY_ID, NOW_US, SECRET, signed


def check(head: RequestHead, *, now_us: int = NOW_US, secret: str = SECRET) -> None:
    credential = parse_authorization(head)
    theirs = secret if credential.access_key_id == KEY_ID else "the secret of another key"
    verify(head, credential, theirs, payload_hash_declared(head) or EMPTY, now_us)


def without(head: RequestHead, name: bytes) -> RequestHead:
    return dataclasses.replace(head, headers=tuple(pair for pair in head.headers if pair[0] != name))


def adding(head: RequestHead, name: bytes, value: bytes) -> RequestHead:
    return dataclasses.replace(head, headers=(*head.headers, (name, value)))


def with_authorization(head: RequestHead, change: tuple[str, str]) -> RequestHead:
    text = head.header(b"authorization")
    assert text is not None
    assert change[0].encode() in text
    return adding(
        without(head, b"authorization"), b"authorization", text.replace(change[0].encode(), change[1].encode())
    )


def test_a_request_signed_by_us_is_let_through() -> None:
    check(signed())
    check(signed("GET", b"/", b"", payload_hash=EMPTY))
    check(signed(token="session+token/==", headers=((b"content-type", b"application/json"),)))


def test_the_credential_says_who_when_and_where() -> None:
    credential = parse_authorization(signed())
    assert credential.access_key_id == KEY_ID
    assert (credential.date, credential.region, credential.service) == ("20260528", "eu-west-1", "backup-storage")
    assert credential.signed_headers == (b"host", b"x-amz-content-sha256", b"x-amz-date")


def test_another_secret_is_refused() -> None:
    with pytest.raises(Denied, match="signature does not match"):
        check(signed(), secret=SECRET + "x")


@pytest.mark.parametrize(
    "name",
    [
        b"x-amz-acl",
        b"x-amz-security-token",
        b"x-amz-data-length",
        b"x-amz-decoded-content-length",
        b"x-amz-",
        b"x-amz-meta-\xc3\xa9",
    ],
)
def test_an_amz_header_added_after_signing_is_refused(name: bytes) -> None:
    with pytest.raises(Denied, match="not signed"):
        check(adding(signed(), name, b"anything"))


def test_every_signed_header_counted_again_after_signing_is_refused() -> None:
    head = signed(token="tok")
    for name, value in head.headers:
        with pytest.raises(Denied):
            check(adding(head, name, value))


@pytest.mark.parametrize("name", [b"host", b"x-amz-date"])
def test_a_second_host_or_date_is_refused_as_such(name: bytes) -> None:
    head = signed()
    with pytest.raises(Denied, match=f"2 {name.decode()} headers"):
        check(adding(head, name, head.header(name) or b""))


def test_a_header_that_nobody_signs_may_be_added_on_the_way() -> None:
    check(adding(signed(), b"via", b"1.1 proxy"))


def test_each_byte_of_method_path_query_and_headers_counts() -> None:
    head = signed(token="tok", payload_hash=EMPTY)
    for field in ("raw_path", "raw_query"):
        raw: bytes = getattr(head, field)
        for position in range(len(raw)):
            changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
            with pytest.raises(Denied):
                check(dataclasses.replace(head, **{field: changed}))
    for method in ("GET", "put", "PUTT", "PU", "", "POST"):
        with pytest.raises(Denied):
            check(dataclasses.replace(head, method=method))
    for at, (name, value) in enumerate(head.headers):
        for position in range(len(value)):
            changed = value[:position] + bytes([value[position] ^ 1]) + value[position + 1 :]
            headers = (*head.headers[:at], (name, changed), *head.headers[at + 1 :])
            with pytest.raises(Denied):
                check(dataclasses.replace(head, headers=headers))


def test_another_body_hash_is_refused() -> None:
    head = signed(payload_hash=EMPTY)
    with pytest.raises(Denied):
        verify(head, parse_authorization(head), SECRET, "0" * 64, NOW_US)


def test_a_plus_in_the_query_is_no_space() -> None:
    head = signed(query=b"metadata-string=a%20b")
    with pytest.raises(Denied):
        check(dataclasses.replace(head, raw_query=b"metadata-string=a+b"))


def test_an_added_query_pair_is_refused() -> None:
    head = signed()
    for more in (b"&throwOnDuplicate=true", b"&", b"&length=3", b"&x"):
        if more != b"&":  # an empty pair says nothing, and signers differ about it
            with pytest.raises(Denied):
                check(dataclasses.replace(head, raw_query=head.raw_query + more))


@pytest.mark.parametrize("seconds", [CLOCK_SKEW_SECONDS_MAX + 1, -CLOCK_SKEW_SECONDS_MAX - 1, 400 * 86400])
def test_a_clock_that_is_too_far_off_is_refused_with_both_times(seconds: int) -> None:
    with pytest.raises(Denied, match=r"signed at 20260528T202640Z .* clock says 20\d{6}T\d{6}Z"):
        check(signed(), now_us=NOW_US + seconds * 1_000_000)


@pytest.mark.parametrize("seconds", [CLOCK_SKEW_SECONDS_MAX, -CLOCK_SKEW_SECONDS_MAX])
def test_a_clock_within_the_window_is_accepted(seconds: int) -> None:
    check(signed(), now_us=NOW_US + seconds * 1_000_000)


def test_the_day_of_the_scope_must_be_the_day_of_the_date() -> None:
    with pytest.raises(Denied, match="same day"):
        check(with_authorization(signed(), ("/20260528/", "/20260527/")))


@pytest.mark.parametrize("name", [b"host", b"x-amz-date", b"x-amz-content-sha256"])
def test_a_required_header_that_is_not_signed_is_refused(name: bytes) -> None:
    head = signed()
    fewer = ";".join(n for n in ("host", "x-amz-content-sha256", "x-amz-date") if n.encode() != name)
    changed = with_authorization(head, ("host;x-amz-content-sha256;x-amz-date", fewer))
    with pytest.raises(Denied, match=f"{name.decode()} is not signed"):
        check(changed)


def test_a_signed_header_that_is_missing_is_refused() -> None:
    head = signed(headers=((b"content-type", b"text/plain"),))
    with pytest.raises(Denied, match="content-type, which the request does not have"):
        check(without(head, b"content-type"))


def test_a_request_without_any_date_is_refused() -> None:
    with pytest.raises(Denied, match="neither x-amz-date nor Date"):
        check(without(signed(), b"x-amz-date"))


def test_a_request_dated_by_date_alone_is_read_by_it() -> None:
    head = adding(without(signed(), b"x-amz-date"), b"date", b"Thu, 28 May 2026 20:26:40 GMT")
    head = with_authorization(head, ("host;x-amz-content-sha256;x-amz-date", "date;host;x-amz-content-sha256"))
    with pytest.raises(Denied, match="signature does not match"):  # dated well, and only the signature is another's
        check(head)
    with pytest.raises(Denied, match="may differ by"):
        check(head, now_us=NOW_US + 86400 * 1_000_000)


@pytest.mark.parametrize("date", [b"", b"20260528", b"20261328T202640Z", b"2026-05-28T20:26:40Z", b"\xff", b"9" * 400])
def test_a_malformed_date_is_refused(date: bytes) -> None:
    with pytest.raises(Denied, match="x-amz-date is"):
        check(adding(without(signed(), b"x-amz-date"), b"x-amz-date", date))


def test_no_authorization_header_is_refused() -> None:
    with pytest.raises(Denied, match="no Authorization header"):
        check(without(signed(), b"authorization"))


def test_two_authorization_headers_are_refused() -> None:
    head = signed()
    again = head.header(b"authorization")
    assert again is not None
    for second in (again, b"", b"Basic eA=="):
        with pytest.raises(Denied, match="2 Authorization headers"):
            check(adding(head, b"authorization", second))


@pytest.mark.parametrize("name", [b"X-Amz-Signature", b"x-amz-credential", b"X-AMZ-ALGORITHM"])
def test_presigning_is_refused_with_and_without_a_header(name: bytes) -> None:
    head = signed(query=b"length=1&" + name + b"=abc")
    with pytest.raises(Denied, match="send one"):
        check(head)
    with pytest.raises(Denied, match="presigned"):
        check(without(head, b"authorization"))


def test_a_value_that_speaks_of_presigning_is_a_value() -> None:
    check(signed(query=b"metadata-string=x-amz-signature"))


@pytest.mark.parametrize(
    "declared",
    [
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        b"unsigned-payload",
        b"",
        EMPTY.upper().encode(),
        EMPTY[:-1].encode(),
        EMPTY.encode() + b"0",
        b"\xff\xfe",
    ],
)
def test_an_unknown_content_sha256_is_refused(declared: bytes) -> None:
    head = adding(without(signed(), b"x-amz-content-sha256"), b"x-amz-content-sha256", declared)
    with pytest.raises(Denied, match="x-amz-content-sha256 is"):
        payload_hash_declared(head)


def test_two_content_sha256_headers_are_refused() -> None:
    with pytest.raises(Denied, match="at most one"):
        payload_hash_declared(adding(signed(), b"x-amz-content-sha256", EMPTY.encode()))


def test_the_content_sha256_may_be_absent() -> None:
    assert payload_hash_declared(without(signed(), b"x-amz-content-sha256")) is None


MALFORMED = [
    ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
    ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    ("AWS4-HMAC-SHA256 ", "aws4-hmac-sha256 "),
    ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
    ("AWS4-HMAC-SHA256 ", "Bearer "),
    ("/aws4_request", "/aws5_request"),
    ("/aws4_request", ""),
    ("/20260528/", "/2026-05-28/"),
    ("/20260528/", "//"),
    ("/eu-west-1/", "//"),
    ("/eu-west-1/", "/eu west/"),
    ("HFAK", "HF AK"),
    (KEY_ID, ""),
    (KEY_ID, "K" * 129),
    ("Credential=", "credential="),
    ("Credential=", "Credential"),
    ("Signature=", "Signature=0"),
    ("Signature=", "Signature=Z"),
    ("Signature=", "Sig="),
    ("SignedHeaders=host;", "SignedHeaders=Host;"),
    ("SignedHeaders=host;", "SignedHeaders=host;host;"),
    ("SignedHeaders=host;", "SignedHeaders=zz;host;"),
    ("SignedHeaders=host;", "SignedHeaders=;host;"),
    ("SignedHeaders=host;", "SignedHeaders="),
    (", SignedHeaders", ", SignedHeaders=host, SignedHeaders"),
    (", SignedHeaders", "; SignedHeaders"),
    ("Signature=", "Extra=1, Signature="),
]


@pytest.mark.parametrize("change", MALFORMED, ids=[f"{old}->{new}"[:60] for old, new in MALFORMED])
def test_a_malformed_authorization_header_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(Denied):
        check(with_authorization(signed(), change))


def test_an_authorization_header_cut_off_anywhere_is_refused() -> None:
    head = signed()
    text = head.header(b"authorization")
    assert text is not None
    for end in range(len(text)):
        with pytest.raises(Denied):
            check(adding(without(head, b"authorization"), b"authorization", text[:end]))


def test_the_fields_may_come_without_spaces_and_in_any_order() -> None:
    head = signed()
    text = (head.header(b"authorization") or b"").decode()
    fields = re.findall(r"(\w+=[^,]+)", text)
    for order in (fields, fields[::-1]):
        for glue in (",", ", "):
            changed = ("AWS4-HMAC-SHA256 " + glue.join(order)).encode()
            check(adding(without(head, b"authorization"), b"authorization", changed))


def test_a_repeated_signed_header_is_signed_as_one_list() -> None:
    head = signed(headers=((b"my-header", b"b,a"),))
    apart = without(head, b"my-header")
    check(dataclasses.replace(apart, headers=((b"my-header", b"b"), (b"my-header", b"a"), *apart.headers)))
    with pytest.raises(Denied):
        check(dataclasses.replace(apart, headers=((b"my-header", b"a"), (b"my-header", b"b"), *apart.headers)))


def test_runs_of_white_space_in_a_signed_header_count_as_one_space() -> None:
    head = signed(headers=((b"my-header", b"a b c"),))
    apart = without(head, b"my-header")
    check(adding(apart, b"my-header", b"a   b \t c"))
    with pytest.raises(Denied):
        check(adding(apart, b"my-header", b"a bc"))


def test_a_denial_never_shows_the_secret() -> None:
    with pytest.raises(Denied) as denial:
        check(signed(secret="another"))
    assert SECRET not in str(denial.value)

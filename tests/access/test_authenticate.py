"""Who a request is from."""

import hashlib
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from holdfast.access.authenticate import Authenticator, Caller, body_hash, check_body
from holdfast.model.errors import ChecksumMismatch, Denied
from holdfast.wire.message import RequestHead
from tests.sigv4.signed_requests import EMPTY, KEY_ID, NOW_US, SECRET, signed


class Noon:
    def now_us(self) -> int:
        return NOW_US


def authenticator() -> Authenticator:
    return Authenticator({KEY_ID: SECRET}.get, Noon())


def caller(head: RequestHead) -> Caller:
    door = authenticator()
    claim = door.claim(head)
    return door.confirm(claim, head, claim.payload_hash or EMPTY)


@pytest.mark.parametrize("service", ["backup-storage", "backup"])
def test_a_signed_request_is_from_the_owner_of_its_key(service: str) -> None:
    assert caller(signed(service=service)) == Caller(KEY_ID, "000000000000")
    assert authenticator().claim(signed(service=service)).signing_name == service


@pytest.mark.parametrize("service", ["s3", "backup-gateway", "service", "Backup"])
def test_a_request_signed_for_another_service_is_denied(service: str) -> None:
    with pytest.raises(Denied, match="signed for the service"):
        authenticator().claim(signed(service=service))


def test_an_unknown_key_and_a_wrong_secret_get_the_same_answer() -> None:
    answers = []
    for head in (signed(key_id="HFAKNOBODYNOBODY1234"), signed(secret="wrong")):
        with pytest.raises(Denied) as denial:
            caller(head)
        answers.append(denial.value.message)
    assert answers[0] == answers[1]


def test_not_even_the_stand_in_secret_makes_an_unknown_key_somebody() -> None:
    door = authenticator()
    head = signed(key_id="HFAKNOBODYNOBODY1234", secret=door._nobody)
    with pytest.raises(Denied):
        door.confirm(door.claim(head), head, "UNSIGNED-PAYLOAD")


def test_an_unknown_key_costs_the_same_work_as_a_wrong_secret() -> None:
    door = authenticator()

    def calls(head: RequestHead) -> Counter[str]:
        """What is called, and how often: time would depend on what else the machine does."""
        claim = door.claim(head)
        counted: Counter[str] = Counter()
        with pytest.raises(Denied):
            # Once before: the keys that signatures of a day are made with are remembered.
            door.confirm(claim, head, "UNSIGNED-PAYLOAD")

        def count(frame: FrameType, event: str, function: Any) -> None:
            if event == "call":
                counted[frame.f_code.co_qualname] += 1
            elif event == "c_call":
                counted[function.__qualname__] += 1

        sys.setprofile(count)
        try:
            with pytest.raises(Denied):
                door.confirm(claim, head, "UNSIGNED-PAYLOAD")
        finally:
            sys.setprofile(None)
        return counted

    known_key, unknown_key = calls(signed(secret="wrong")), calls(signed(key_id="HFAKNOBODYNOBODY1234"))
    assert sum(known_key.values()) > 10
    assert known_key == unknown_key


def test_a_body_hash_that_is_not_declared_is_left_to_the_caller() -> None:
    head = signed(payload_hash=hashlib.sha256(b"{}").hexdigest())
    door = authenticator()
    claim = door.claim(head)
    assert claim.payload_hash == body_hash(b"{}")
    bare = RequestHead(head.method, head.raw_path, head.raw_query, head.headers[:1] + head.headers[2:])
    assert door.claim(bare).payload_hash is None


def test_a_body_other_than_the_declared_one_is_refused() -> None:
    claim = authenticator().claim(signed(payload_hash=body_hash(b"{}")))
    check_body(claim, b"{}")
    for other in (b"", b"{} ", b"[]"):
        with pytest.raises(ChecksumMismatch, match="x-amz-content-sha256"):
            check_body(claim, other)


def test_an_unsigned_body_may_be_anything() -> None:
    claim = authenticator().claim(signed())
    assert claim.payload_unsigned
    check_body(claim, b"anything")

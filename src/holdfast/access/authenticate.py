"""Who sent this request: a claim read from its head, then confirmed by its signature.

Two steps, because a request without x-amz-content-sha256 signs the hash of a body that has not arrived yet. What always
holds: without a `Caller` from `confirm`, nobody is anybody; and the answer to an unknown access key is, in words and in
work done, the answer to a wrong signature.
"""

import hashlib
import hmac
import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.model.arn import ACCOUNT
from holdfast.model.clock import Clock
from holdfast.model.errors import ChecksumMismatch, Denied
from holdfast.sigv4.signature import UNSIGNED_PAYLOAD
from holdfast.sigv4.verify import REFUSED, Credential, parse_authorization, payload_hash_declared, verify
from holdfast.wire.message import Buffer, RequestHead

SIGNING_NAMES = ("backup-storage", "backup")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it is from; proves nothing."""

    credential: Credential
    payload_hash: str | None
    """x-amz-content-sha256 as declared, or None: then the body must be hashed before `confirm`."""

    @property
    def signing_name(self) -> str:
        """The service of the credential scope, `backup-storage` or `backup`: it says which API is meant."""
        return self.credential.service

    @property
    def payload_unsigned(self) -> bool:
        """True if the signature does not cover the body."""
        return self.payload_hash == UNSIGNED_PAYLOAD


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is from, proved by its signature."""

    access_key_id: str
    account: str = ACCOUNT


class Authenticator:
    """Confirms claims against `secrets`, which gives the secret of an access key id or None."""

    def __init__(self, secrets: Callable[[str], str | None], clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock
        self._nobody = randomness.token_urlsafe(30)

    def claim(self, head: RequestHead) -> Claim:
        """The claim in a request's head. Raises Denied if it has none, or one that is malformed."""
        credential = parse_authorization(head)
        if credential.service not in SIGNING_NAMES:
            raise Denied(
                f"the request is signed for the service {credential.service!r}: sign it for"
                f" {SIGNING_NAMES[0]!r} (backupstorage, holdfast) or {SIGNING_NAMES[1]!r} (backup)"
            )
        return Claim(credential, payload_hash_declared(head))

    def confirm(self, claim: Claim, head: RequestHead, payload_hash: str) -> Caller:
        """The caller, if `head` is signed by the claimed key over `payload_hash`; otherwise raises Denied.

        `payload_hash` is the claim's own, or `body_hash(body)` where the claim has none.
        """
        access_key_id = claim.credential.access_key_id
        secret = self._secrets(access_key_id)
        # A key that nobody has is checked against a secret that nobody knows: the same work, the same words.
        verify(head, claim.credential, self._nobody if secret is None else secret, payload_hash, self._clock.now_us())
        if secret is None:
            raise Denied(REFUSED)
        return Caller(access_key_id)


def body_hash(body: Buffer) -> str:
    """The payload hash of a whole body: SHA-256 in lower-case hex."""
    return hashlib.sha256(body).hexdigest()


def check_body(claim: Claim, body: Buffer) -> None:
    """Return if `body` is what the signature declared (or left open); raise ChecksumMismatch if it is not."""
    if claim.payload_hash is None or claim.payload_unsigned:
        return
    if not hmac.compare_digest(body_hash(body), claim.payload_hash):
        raise ChecksumMismatch(
            f"the body of {len(body)} bytes does not have the SHA-256 that x-amz-content-sha256 declares: send the"
            " request again"
        )

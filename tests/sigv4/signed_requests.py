"""Signed requests for the tests: one signer of our own, and the request heads that a server would see."""

from holdfast.sigv4.sign import sign
from holdfast.wire.message import RequestHead

KEY_ID = "HFAKAAAABBBBCCCCDDDD"
SECRET = "s3cr3t/With+Odd=Characters0123456789abcd"
NOW_US = 1_780_000_000_123_456  # 2026-05-28T20:26:40Z
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def signed(
    method: str = "PUT",
    path: bytes = b"/backup-jobs/j/object/a%2Fb%20c/put-object",
    query: bytes = b"length=3&checksum=abc%3D&checksum-algorithm=SHA256",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    payload_hash: str = "UNSIGNED-PAYLOAD",
    *,
    now_us: int = NOW_US,
    service: str = "backup-storage",
    secret: str = SECRET,
    key_id: str = KEY_ID,
    token: str | None = None,
) -> RequestHead:
    """A request of ours as the server's head of it."""
    first = ((b"host", b"127.0.0.1:9220"), *headers)
    added = sign(method, path, query, first, payload_hash, key_id, secret, token, "eu-west-1", service, now_us)
    return RequestHead(method, path, query, (*first, *added))

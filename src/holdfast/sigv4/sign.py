"""The other direction: the headers that make a request of ours a signed one."""

from collections.abc import Sequence

from holdfast.sigv4 import canonical, signature, timestamp


def sign(
    method: str,
    raw_path: bytes,
    raw_query: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    payload_hash: str,
    access_key_id: str,
    secret: str,
    token: str | None,
    region: str,
    service: str,
    now_us: int,
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers to add to the request, the Authorization header last.

    `raw_path` and `raw_query` are as they travel (percent-encoded, no dot segments); `headers` (lower-case names) must
    have `host` and are all signed, so they must reach the server unchanged. `payload_hash` is the hex SHA-256 of the
    body or `UNSIGNED-PAYLOAD` and is declared in x-amz-content-sha256.
    """
    moment = timestamp.text_of(now_us // 1_000_000)
    added = [(b"x-amz-content-sha256", payload_hash.encode("ascii")), (b"x-amz-date", moment)]
    if token is not None:
        added.append((b"x-amz-security-token", token.encode("ascii")))
    every = sorted([*headers, *added])
    names = b";".join([name for name, _ in every])
    lines = b"".join([name + b":" + canonical.fold(value) + b"\n" for name, value in every])
    date = moment[:8].decode("ascii")
    scope = f"{date}/{region}/{service}/{signature.TERMINATOR}"
    request = canonical.canonical_request(
        method.encode("ascii"),
        canonical.encode_path(raw_path),
        canonical.sort_query(raw_query),
        lines,
        names,
        payload_hash.encode("ascii"),
    )
    to_sign = signature.string_to_sign(moment, scope.encode("ascii"), request)
    proof = signature.signature(signature.signing_key(secret, date, region, service), to_sign)
    authorization = (
        f"{signature.ALGORITHM} Credential={access_key_id}/{scope},"
        f" SignedHeaders={names.decode('ascii')}, Signature={proof}"
    )
    added.append((b"authorization", authorization.encode("ascii")))
    return tuple(added)

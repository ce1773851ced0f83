"""How a bucket is reached."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from holdfast.blobs.name import check_blob_name
from holdfast.model.errors import InvalidInput
from holdfast.model.limits import MIB

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{1,254}")


@dataclass(frozen=True, slots=True)
class S3Options:
    """A bucket of any S3-compatible store. Names of blobs come after `prefix` and a slash. InvalidInput when made."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    """URL of the store; None for AWS itself. http:// is taken as it is meant."""
    region: str = "us-east-1"
    access_key_id: str | None = None
    """None: what the environment or the machine's role says, as AWS's own tools do."""
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    patience_seconds: float = 20.0
    """How long one request is tried again, with growing pauses, before it is Unavailable. Twice it is tried always."""
    connect_seconds: float = 5.0
    """How long one attempt to connect may take."""
    stall_seconds: float = 10.0
    """How long one attempt waits for an answer or its next bytes; an upload also gets the time that its bytes need."""
    upload_bytes_per_second_min: int = MIB
    """How slow an upload may be before its attempt is given up."""

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise InvalidInput(
                f"bucket {self.bucket[:120]!r}: a bucket's name has 2 to 255 of A-Z a-z 0-9 . _ -; write"
                " s3://bucket/prefix"
            )
        if self.prefix:
            check_blob_name(self.prefix)
        if self.endpoint is not None and not _is_endpoint(self.endpoint):
            raise InvalidInput(
                "s3_endpoint must be http://host:port or https://host:port, with nothing behind it and no user in it"
            )
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise InvalidInput("s3_access_key_id and s3_secret_access_key belong together: give both or neither")
        times = (self.patience_seconds, self.connect_seconds, self.stall_seconds, self.upload_bytes_per_second_min)
        if min(times) <= 0:
            raise InvalidInput("the times and the rate of a bucket's options must be more than 0")

    @property
    def place(self) -> str:
        """The bucket, for messages: says where it is and nothing that is secret."""
        where = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{where} at {self.endpoint}" if self.endpoint else f"{where} (AWS, {self.region})"


def _is_endpoint(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        return False
    return url.path in ("", "/") and not (url.query or url.fragment or "@" in url.netloc)

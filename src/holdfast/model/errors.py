"""The one tree of errors, rooted by whose fault it is and whether to retry.

Every error that leaves a floor is one of these. `wire.faults` holds the one table that turns them into the codes and
statuses that AWS clients know. A message is written for the caller: it names the value, the limit and the remedy, and
never carries a secret or a trace.
"""


class HoldfastError(Exception):
    """Root of all errors that Holdfast raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CallerError(HoldfastError):
    """The request is at fault; sending it again unchanged cannot succeed."""


class InvalidInput(CallerError):
    """A value is of the wrong type, form, length or range."""


class MissingInput(InvalidInput):
    """A required value is absent."""


class ChecksumMismatch(InvalidInput):
    """The bytes received do not have the checksum that was declared for them."""


class InvalidState(CallerError):
    """The request is well formed but the thing it names is not in a state that allows it."""


class NotFound(CallerError):
    """Nothing of that name exists, or no longer."""


class AlreadyExists(CallerError):
    """A thing of that name exists and the request does not replace it (vaults, jobs)."""

    def __init__(self, message: str, *, arn: str | None = None) -> None:
        super().__init__(message)
        self.arn = arn


class DataExists(CallerError):
    """Other data is stored already under that name or index; carries the stored checksum."""

    def __init__(self, message: str, *, checksum: str, checksum_algorithm: str) -> None:
        super().__init__(message)
        self.checksum = checksum
        self.checksum_algorithm = checksum_algorithm


class LimitExceeded(CallerError):
    """A quota or a limit of number is reached."""


class Denied(CallerError):
    """The caller is not who they say, or may not do this."""


class UnreadableBody(CallerError):
    """The body ended before its declared length, or broke off."""


class UnusableKey(CallerError):
    """The key that protects this data is missing, disabled or wrong."""


class Throttled(HoldfastError):
    """Too much at once; the same request may succeed after `retry_after_ms`."""

    def __init__(self, message: str, *, retry_after_ms: int = 1000) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ServiceError(HoldfastError):
    """Our side is at fault."""

    retry_after_ms = 1000


class Transient(ServiceError):
    """A passing failure of our side (a broken read, a lost race); retry at once."""

    retry_after_ms = 100


class Unavailable(ServiceError):
    """We cannot serve now (disk full, stopping, store in use); retry later."""

    retry_after_ms = 2000


class WriterEnded(Unavailable):
    """This process may write no more under the number it had: it was thought dead, or another has taken the store."""


class ChoreTaken(Unavailable):
    """Another process has taken the chore that this one was at; it goes on there."""


class DiskFull(Unavailable):
    """There is no room for what was asked; what frees room (deleting, collecting) is still accepted."""


class ReadOnly(Unavailable):
    """The file system of the store takes nothing; what is there can be read."""


class Damaged(ServiceError):
    """Stored bytes fail their check; the answer is this error, never wrong bytes."""


class Internal(ServiceError):
    """A defect of ours; the log has the details under the request id."""

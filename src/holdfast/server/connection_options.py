"""What one connection may take of us, in seconds and bytes."""

from dataclasses import dataclass

from holdfast.model.limits import BODY_IDLE_SECONDS_MAX, HEAD_SECONDS_MAX, MIB, REQUEST_HEAD_BYTES_MAX


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """What one connection may take of us."""

    head_seconds_max: float = HEAD_SECONDS_MAX
    head_bytes_max: int = REQUEST_HEAD_BYTES_MAX
    body_idle_seconds_max: float = BODY_IDLE_SECONDS_MAX
    write_idle_seconds_max: float = 60
    """How long a client may leave a slice of its answer unread."""
    drain_seconds_max: float = 5
    drain_bytes_max: int = 16 * MIB
    """What is read and thrown away of a body whose request was answered early."""

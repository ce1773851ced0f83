"""ARNs: what we hand out, and what we accept of others (contract 2)."""

import re

from holdfast.model.errors import InvalidInput
from holdfast.model.limits import ARN_BYTES_MAX
from holdfast.model.names import refuse_controls

ACCOUNT = "000000000000"
REGION = "local"

_ARN = re.compile(
    r"arn:[a-z0-9\-]{1,64}:[a-zA-Z0-9\-]{1,64}:[a-zA-Z0-9\-]{0,64}:[0-9a-zA-Z\-]{0,64}:[^\x00-\x1f\x7f]{1,}"
)
_POINT_PREFIX = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:"
_RESOURCE_TYPE_CHARACTERS_MAX = 50
_SOURCE_PREFIX = f"arn:aws:holdfast:{REGION}:{ACCOUNT}:source/"


def source_arn(name: str) -> str:
    """The ResourceArn of the source called `name`."""
    return _SOURCE_PREFIX + name


def resource_arn(source: str) -> str:
    """The ResourceArn of a source as people name it: by its name, or by a whole ARN."""
    return source if source.startswith("arn:") else source_arn(source)


def source_name(resource_arn: str) -> str:
    """The name that `source_arn` was made of, or the whole ARN of a foreign resource."""
    return resource_arn.removeprefix(_SOURCE_PREFIX)


def vault_arn(name: str) -> str:
    """The BackupVaultArn of the vault called `name`."""
    return f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:{name}"


def recovery_point_arn(uid: str) -> str:
    """The RecoveryPointArn of a recovery point's UUID."""
    return _POINT_PREFIX + uid


def recovery_point_uid(arn: str) -> str | None:
    """The UUID that `recovery_point_arn` was made of, or None for an ARN that cannot be one of our recovery points."""
    uid = arn.removeprefix(_POINT_PREFIX)
    return uid if uid != arn else None


def resource_type(arn: str) -> str:
    """What AWS Backup's lists call the kind of a resource: Holdfast for our sources, else the service of the ARN."""
    service = arn.split(":", 3)[2]
    return "Holdfast" if service == "holdfast" else service[:_RESOURCE_TYPE_CHARACTERS_MAX]


def check_new_arn(text: str, parameter: str) -> str:
    """As `check_arn`, for one that is kept and shown: without any control character or line separator."""
    return refuse_controls(check_arn(text, parameter), parameter)


def check_arn(text: str, parameter: str) -> str:
    """`text` itself, or InvalidInput naming `parameter`, unless it is a well-formed ARN of up to 2048 bytes."""
    if len(text.encode("utf-8", "surrogatepass")) > ARN_BYTES_MAX or not _ARN.fullmatch(text):
        raise InvalidInput(
            f"{parameter} is {text[:120]!r}: it must be an ARN, arn:partition:service:region:account:resource,"
            f" of at most {ARN_BYTES_MAX} bytes"
        )
    return text

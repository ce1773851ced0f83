"""Verification of what is stored, an operation of our own model."""

from collections.abc import Iterator

import msgspec

from holdfast.client import answers
from holdfast.client.call import Requester, decode

SECONDS_PER_REQUEST = 5

_slice = msgspec.json.Decoder(answers.VerificationSlice)


class Verification:
    """The operation as a method. Errors are those of model/errors."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    def verify_store(
        self,
        *,
        recovery_point_arn: str | None = None,
        resource_arn: str | None = None,
        add_parity: int | None = None,
        seconds: int = SECONDS_PER_REQUEST,
    ) -> Iterator[answers.VerificationSlice]:
        """VerifyStore, slice by slice until all is read: one recovery point, all of one source, or everything.

        Raises NotFound, also when the recovery point is deleted meanwhile.
        """
        wanted: dict[str, object] = {"Seconds": seconds}
        if recovery_point_arn is not None:
            wanted["RecoveryPointArn"] = recovery_point_arn
        if resource_arn is not None:
            wanted["ResourceArn"] = resource_arn
        if add_parity is not None:
            wanted["AddParity"] = add_parity
        while True:
            found = decode(_slice, self._requester.storage("POST", b"/care/verify", json=wanted))
            yield found
            if found.next_token is None:
                return
            wanted = {"Seconds": seconds, "NextToken": found.next_token}

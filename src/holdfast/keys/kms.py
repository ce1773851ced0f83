"""A root key under a key of AWS KMS, or of anything that speaks as AWS KMS does.

`root.key` holds what kms:Encrypt made of the root key; kms:Decrypt gives it back while the key is enabled and we are
allowed to use it. The encryption context names the store, so that the KMS's log says whose key was opened and the
ciphertext of one store cannot be passed off as another's. This module is the one door to boto3, which is imported only
when a KMS is asked. Endpoint, region and credentials are found as every AWS SDK finds them (AWS_ENDPOINT_URL_KMS,
AWS_DEFAULT_REGION, AWS_PROFILE...); the region of the key's ARN goes first.
"""

import hmac
import os
from collections.abc import Callable
from typing import Any

from holdfast.keys.local import LocalKeyProvider
from holdfast.keys.protection import locked
from holdfast.keys.root_file import RootFile, UnderKms, check_key_name
from holdfast.model.errors import HoldfastError, InvalidInput, Unavailable, UnusableKey

_STORE_BYTES = 16
_PURPOSE = "holdfast root key"
_CONNECT_SECONDS_MAX = 5
_READ_SECONDS_MAX = 10
_TRANSIENT = frozenset({"ThrottlingException", "Throttling", "LimitExceededException", "RequestLimitExceeded",
                        "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException",
                        "InternalFailure", "ServiceUnavailable"})  # fmt: skip


class KmsProtection:
    """Protection by a key of a KMS."""

    def __init__(
        self,
        key: str | None = None,
        *,
        endpoint: str | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`key` (ARN, id or alias) is needed to seal; opening uses the key that the file names.

        `endpoint` is a URL; without it the environment decides, as for every AWS client.
        """
        if key is not None and not check_key_name(key):
            raise InvalidInput(f"the KMS key is {key[:80]!r}: give its ARN, id or alias")
        self._key = key
        self._endpoint = endpoint
        self._random = random

    def seal(self, root_key: bytes) -> RootFile:
        if self._key is None:
            raise InvalidInput("no KMS key is named: give its ARN with --kms-key")
        store = self._random(_STORE_BYTES)
        answer = _Kms(self._key, self._endpoint).ask(
            "encrypt", KeyId=self._key, Plaintext=root_key, EncryptionContext=_context(store)
        )
        # The ARN that the KMS names and not the alias that was typed: an alias may be pointed elsewhere one day.
        return UnderKms(str(answer["KeyId"]), store, LocalKeyProvider(root_key).root_id, answer["CiphertextBlob"])

    def open(self, file: RootFile) -> bytes:
        """Raises UnusableKey when the KMS refuses (disabled, deleted, denied), Unavailable when it cannot be asked."""
        if not isinstance(file, UnderKms):
            raise locked(file)
        kms = _Kms(file.key_arn, self._endpoint)
        kms.require_enabled()
        answer = kms.ask(
            "decrypt",
            KeyId=file.key_arn,
            CiphertextBlob=file.ciphertext,
            EncryptionContext=_context(file.store),
        )
        root_key: bytes = answer["Plaintext"]
        if not hmac.compare_digest(LocalKeyProvider(root_key).root_id, file.root_id):
            raise UnusableKey(f"the KMS key {file.key_arn} gives another root key than the one that was put under it")
        return root_key


class _Kms:
    """One conversation with a KMS about one key: minutes lie between two, and credentials may change meanwhile."""

    def __init__(self, key: str, endpoint: str | None) -> None:
        self._key = key
        self._endpoint = endpoint
        self._client: Any = None

    def require_enabled(self) -> None:
        """Ask for the key's state first: it says why, and some KMS of others decrypt with a key that is disabled."""
        try:
            state = self.ask("describe_key", KeyId=self._key)["KeyMetadata"].get("KeyState", "Enabled")
        except UnusableKey:
            # kms:DescribeKey may be denied to those who have kms:Decrypt: that decides.
            return
        if state != "Enabled":
            raise UnusableKey(f"the KMS key {self._key} is {state}: enable it, or cancel its deletion")

    def ask(self, operation: str, **parameters: object) -> dict[str, Any]:
        """The answer. Raises UnusableKey for a refusal, Unavailable where there is no answer."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as NoConnection

        patience = Config(
            connect_timeout=_CONNECT_SECONDS_MAX,
            read_timeout=_READ_SECONDS_MAX,
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
        try:
            if self._client is None:
                session = boto3.session.Session(region_name=_region(self._key))
                self._client = session.client("kms", endpoint_url=self._endpoint, config=patience)
            answer: dict[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as refused:
            raise _refusal(self._key, refused.response) from refused
        except (NoConnection, HTTPClientError) as unreachable:
            raise Unavailable(f"the KMS cannot be reached: {unreachable}") from unreachable
        except (BotoCoreError, ValueError) as unusable:
            raise UnusableKey(f"the KMS cannot be asked for {self._key}: {unusable}") from unusable
        return answer


def _context(store: bytes) -> dict[str, str]:
    return {"purpose": _PURPOSE, "store": store.hex()}


def _region(key: str) -> str | None:
    """The region that an ARN names; None for an id or an alias, whose region the environment says."""
    parts = key.split(":")
    return parts[3] or None if len(parts) >= 6 and parts[0] == "arn" else None


def _refusal(key: str, response: dict[str, Any]) -> HoldfastError:
    code = str(response.get("Error", {}).get("Code", ""))
    said = str(response.get("Error", {}).get("Message", ""))[:300]
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or code in _TRANSIENT:
        return Unavailable(f"the KMS cannot answer for {key} now ({code or status}): {said}")
    return UnusableKey(
        f"the KMS does not allow the use of {key} ({code}): {said}; enable the key, or grant kms:Decrypt to the"
        " credentials of this service"
    )

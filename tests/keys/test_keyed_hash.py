import hmac
import os

import pytest

from holdfast.keys.keyed_hash import KeyedHash


@pytest.mark.parametrize("key_bytes", [0, 1, 32, 63, 64])
@pytest.mark.parametrize("message_bytes", [0, 1, 32, 55, 56, 64, 5000])
def test_it_is_hmac_sha256(key_bytes: int, message_bytes: int) -> None:
    key, message = os.urandom(key_bytes), os.urandom(message_bytes)
    keyed = KeyedHash(key)
    assert keyed.digest(message) == hmac.digest(key, message, "sha256")
    assert keyed.digest(message) == hmac.digest(key, message, "sha256")
